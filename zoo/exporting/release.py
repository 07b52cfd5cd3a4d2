"""Run to bundle: build beside, prove there, then rename. Nobody ever sees a version that is half written or not proven."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.assembly import Opened, open_run
from zoo.bundles import FORMAT_NAMES, GOLDEN, MANIFEST, WARMUP, Bundle
from zoo.errors import ProofError, ZooError
from zoo.exporting import deploy, examples, onnx_file, saved_model, twin, warmup
from zoo.exporting.placing import files_of, fsync_tree, next_version, place
from zoo.registry import known
from zoo.runs import Run, make_folder, write_json
from zoo.tasks import Signature

log = logging.getLogger("zoo")

FORMATS = tuple(FORMAT_NAMES)
PACKAGES = ("keras-zoo", "tensorflow", "keras", "numpy", "tf2onnx", "onnx", "onnxruntime")
PROOF_SECONDS = 1800  # a proof takes seconds; one that hangs must not hang the pipeline


def release(run: Run, bundles: Path) -> Bundle:
    """See `zoo.exporting.export`."""
    run.needs_finished()
    run.needs_evaluated()
    opened = open_run(run)
    wanted = _formats(run)
    _ = opened.reading  # now: the tracer would wrap its error
    folder = bundles / run.name
    make_folder(folder)
    try:
        with next_version(folder) as (building, number):
            _build(opened, wanted, building, number)
            deploy.write(folder, run.name)
            place(building, folder, number)
    except OSError as error:
        raise ZooError(f"cannot write into {folder}: {error.strerror or error}") from error
    return Bundle(folder / str(number))


def _formats(run: Run) -> tuple[str, ...]:
    """The formats that the experiment asks for; else SavedModel, and ONNX where the catalogue's measurement holds.

    Raises:
        ZooError: ONNX is asked for, and the preprocessing before it is known to TensorFlow only.
    """
    wanted, fitted = run.experiment.export.formats, run.data["preprocess"]
    only = None if twin.knows(fitted) else f"nothing but TensorFlow does its preprocessing of {fitted['kind']}"
    only = "nothing but TensorFlow makes text of the tokens that it writes" if "codes" in fitted else only
    if wanted is None:
        why = only or _unmeasured(run)
        if why:
            log.info("no ONNX of it: %s", why)
        return FORMATS[:1] if why else FORMATS
    if "onnx" in wanted and only:
        raise ZooError(f"{run.path}: no ONNX of it: {only}", "--set export.formats=[saved_model]")
    return tuple(name for name in FORMATS if name in wanted or name == "saved_model")


def _unmeasured(run: Run) -> str | None:
    """Why the catalogue's measurement does not hold: it is of its own models, in float32; a plug-in's name need not even be known here."""
    name = run.experiment.model.name
    try:
        exports = registry.entry(name).exports
    except ZooError:
        exports = ()
    if "onnx" not in exports:
        return f"nobody measured that '{name}' passes"
    return None if run.experiment.train.precision == "float32" else f"it was measured in float32, not in {run.experiment.train.precision}"


def _build(opened: Opened, wanted: tuple[str, ...], building: Path, number: int) -> None:
    """Writes the version and its formats into `building`, proven, and on the disk for good."""
    version, formats = building / str(number), building / f"{number}.formats"
    run = opened.run
    golden = examples.golden(run, opened)
    saved_model.write(opened, version)
    if "onnx" in wanted:
        onnx_file.write(opened, formats)
    (version / MANIFEST).parent.mkdir(parents=True)
    kept = run.card.keep_examples
    golden_path = version / GOLDEN if kept else building / "golden.npz"
    golden.save(golden_path)
    warmup.write(version / WARMUP, run.name, golden.inputs if kept else examples.neutral(opened))
    facts = _facts(opened, number, golden.answers)
    write_json(version / MANIFEST, {**facts, "proof": dict.fromkeys(wanted)})
    facts["proof"] = proven(version, golden_path)
    (version / MANIFEST).unlink()  # the final one names every file but itself
    write_json(version / MANIFEST, {**facts, "files": files_of(version), "formats": files_of(formats)})
    fsync_tree(building)


def _facts(opened: Opened, number: int, answers: dict[str, Any]) -> dict[str, Any]:
    """What the manifest says before the proof."""
    run, reading = opened.run, opened.reading
    inputs = opened.takes("serving_default")
    signatures = {name: {"inputs": list(opened.takes(name)), "answers": list(one.answers)} for name, one in opened.signatures.items()}
    if opened.takes_files:
        signatures["serving_bytes"] = {"inputs": ["bytes"], "answers": signatures["serving_default"]["answers"]}
    return {
        "name": run.name,
        "version": number,
        "run": {"id": run.id, "path": str(run.path.resolve())},
        "experiment": run.name,
        "model": run.experiment.model.name,
        "task": opened.task.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: installed(name) for name in PACKAGES},
        "inputs": inputs,
        "answers": _told(opened.signatures["serving_default"], answers["serving_default"]),
        "signatures": signatures,
        "shapes": {name: {"inputs": opened.takes(name), "answers": _told(one, answers[name])} for name, one in opened.signatures.items()},
        "classes": reading.get("classes"),
        "missing": list(run.card.missing),
        "table": run.card.table,
        "reading": reading,
        "keep_examples": run.card.keep_examples,
        "warmup": "golden examples" if run.card.keep_examples else "neutral values: the card forbids to keep examples",
    }


def _told(signature: Signature, answers: dict[str, Any]) -> dict[str, Any]:
    """Dtype and shape of the answers of a signature."""
    return {name: {"dtype": dtype, "shape": ["batch", *answers[name].shape[1:]]} for name, dtype in signature.answers.items()}


def proven(version: Path, golden: Path) -> dict[str, Any]:
    """Proves a version in a process of its own. Raises ProofError with that process's reason, or what stopped it."""
    command = [sys.executable, "-P", "-m", "zoo.exporting.proof", str(version.resolve()), str(golden.resolve())]
    package = str(known.PACKAGE.resolve().parent)  # found even where it is not installed
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PROOF_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ProofError(f"the proof did not end within {PROOF_SECONDS} seconds") from None
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode < 0:
        raise ProofError(f"loading the export crashes its process ({_signal(-done.returncode)})", *done.stderr.strip().splitlines()[-3:])
    try:
        answer = json.loads(last)
    except ValueError:
        raise ProofError("the proof broke off", *done.stderr.strip().splitlines()[-3:]) from None
    if "error" in answer:
        raise ProofError(*answer["error"], "no version was written")
    return dict(answer["proof"])


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
