"""What this machine and this installation have, for `zoo doctor`. TensorFlow is tried in a process of its own."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

from zoo.runs import cores

Facts = list[tuple[str, str]]

# What an extra is for; `zoo doctor` says what of it is missing.
EXTRAS = {
    "hub": "pretrained BERT and GPT-2 by KerasHub presets: weights: hub:PRESET",
    "optuna": "the tuners tpe and gp, and pruning, of zoo search",
    "ray": "zoo search --cluster: trials on several machines",
    "dev": "what `make test` runs: pytest, ruff, mypy, and what tests compare with (tensorflow-serving-api)",
}
HEAVY = ("tensorflow", "keras")
SECONDS = 120


def machine() -> Facts:
    """Versions, cores, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        ("keras-zoo", f"{version('keras-zoo')}      {Path(__file__).parents[1]}"),
        ("python", f"{platform.python_version()}      {sys.executable}"),
        ("machine", f"{platform.platform()}, {cores()} cores, {memory:.1f} GiB of memory"),
    ]


def packages() -> Facts:
    """The packages that keras-zoo needs, and whether TensorFlow and Keras load."""
    wanted = [_name(one) for one in requires("keras-zoo") or [] if "extra ==" not in one]
    missing = [name for name in wanted if _version(name) is None]
    found = ", ".join(f"{name} {_version(name)}" for name in wanted if name not in HEAVY and name not in missing)
    lacking = [("missing", f"{', '.join(missing)}      pip install --upgrade keras-zoo")] if missing else []
    return [*_tried(*HEAVY), ("packages", found), *lacking]


# Prints `name seconds GPUs` for each package that loads; Keras after TensorFlow, which it would load again.
TRY = """
import sys, time
for name in sys.argv[1:]:
    start = time.monotonic()
    module = __import__(name)
    seconds = f"{time.monotonic() - start:.1f}"
    print(name, seconds, len(module.config.list_physical_devices("GPU")) if name == "tensorflow" else "", flush=True)
"""


def _tried(*names: str) -> Facts:
    """Whether packages load one after another, in a process that may crash without taking this one along."""
    try:
        done = subprocess.run([sys.executable, "-c", TRY, *names], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return [(name, f"{_version(name)} does not load within {SECONDS} s") for name in names]
    loaded = {name: rest for name, *rest in (line.split() for line in done.stdout.splitlines() if line.split()[0] in names)}
    why = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    facts = []
    for name in names:
        seconds, *gpus = loaded.get(name, ["?"])
        loads = f"loads in {seconds} s" + (f", {gpus[0]} GPUs" if gpus else "")
        facts.append((name, f"{_version(name)} " + (loads if name in loaded else f"does not load: {why}")))
    return facts


def folders() -> Facts:
    """Where data, runs and bundles are."""
    from zoo.data.fetch import cache_folder
    from zoo.runs import home

    data = os.environ.get("ZOO_DATA_DIR")
    told = "not set: files are fetched" if not data else data if Path(data).is_dir() else f"{data}, which is no folder"
    return [
        ("data", f"ZOO_DATA_DIR is {told}"),
        ("cache", str(cache_folder().absolute())),
        ("runs", str(home("runs").absolute())),
        ("bundles", str(home("bundles").absolute())),
    ]


def extras() -> Facts:
    """Each extra: what of it is missing, what that would give, and the line that installs it."""
    facts = []
    for extra in distribution("keras-zoo").metadata.get_all("Provides-Extra") or []:
        missing = [name for name in _of_extra(extra) if _version(name) is None]
        told = f"missing: {', '.join(missing)}      pip install 'keras-zoo[{extra}]'" if missing else "all there"
        facts.append((f"[{extra}]", f"{told}      {EXTRAS.get(extra, '')}".rstrip()))
    return facts


def plugins() -> Facts:
    """Models of other packages, and those that do not load."""
    from importlib.metadata import entry_points

    from zoo import registry

    points = list(entry_points(group="zoo.models"))
    registry.entries()
    told = [
        (
            "plug-in",
            f"{point.name} ({point.value})"
            + (f" does not load: {registry.broken()[point.name]}" if point.name in registry.broken() else ""),
        )
        for point in points
    ]
    return told or [("plug-ins", "none")]


def _of_extra(extra: str) -> Iterator[str]:
    for one in requires("keras-zoo") or []:
        if re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", one):
            yield _name(one)


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found[0] if found else requirement


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
