"""`zoo show NAME`: everything that bears the name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli import lists, quiet, summary, tables
from zoo.cli.options import Bundles, Runs
from zoo.errors import ZooError, did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel

    from zoo.bundles import Bundle
    from zoo.config import Card, Experiment
    from zoo.registry import Entry
    from zoo.runs import Run


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model, a dataset, an experiment, a run, a bundle, or a file or folder of one.")
    ],
    html: Annotated[
        bool, typer.Option("--html", help="Write NAME.html: a model's layers, a dataset's samples and distributions (loads Keras).")
    ] = False,
    augment: Annotated[
        bool, typer.Option("--augment", help="Write NAME.augment.html: what augmentation makes of some training examples (loads Keras).")
    ] = False,
    runs: Runs = None,
    bundles: Bundles = None,
) -> None:
    """Show everything that bears a name."""
    from zoo.runs import home

    found = _found(name, home("runs", runs), home("bundles", bundles))
    if html or augment:
        from zoo.jobs.pages import augmented, write_augmented, write_page

        if augment:
            augmented(name, [thing for _, thing in found])  # what it refuses needs no TensorFlow
        quiet.tensorflow()
        for wanted, write in ((html, write_page), (augment, write_augmented)):
            if wanted:
                tables.facts([("wrote", str(write(name, [thing for _, thing in found])))])
        return
    for count, (tell, thing) in enumerate(found):
        if count:
            print()
        tell(thing)


def _found(name: str, runs: Path, bundles: Path) -> list[tuple[Callable[[Any], None], Any]]:
    """What bears the name, each with the function that tells it."""
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or (path.exists() and len(path.parts) > 1):
        return [_at_path(path, bundles)]
    from zoo import registry, shelf
    from zoo.bundles import versions
    from zoo.config import load_card, load_experiment
    from zoo.config.load import TFDS
    from zoo.jobs.opening import load_bundle, load_run
    from zoo.runs import all_runs

    known = all_runs(runs)
    exported = [one.name for one in bundles.glob("*") if versions(one)]
    found: list[tuple[Callable[[Any], None], Any]] = []
    if name in registry.entries():
        found.append((model, registry.entry(name)))
    if name in shelf.names("datasets") or name.startswith(TFDS):
        found.append((card, load_card(name)))
    if name in shelf.names("experiments"):
        found.append((experiment, load_experiment(name)))
    if "@" in name or name in {run.id for run in known}:
        found.append((partial(run, bundles=bundles), load_run(name, runs=runs)))
    if name in exported:
        found.append((bundle, load_bundle(name, bundles=bundles)))
    if found:
        return found
    if path.exists():
        return [_at_path(path, bundles)]
    names = [*registry.entries(), *shelf.names("datasets"), *shelf.names("experiments"), *(one.id for one in known), *exported]
    hint = did_you_mean(name, names) if name else None
    raise ZooError(
        f"nothing is named '{name}'",
        "looked at models, datasets, experiments, runs and bundles",
        hint,
        "all of them: zoo models, zoo datasets, zoo experiments, zoo runs",
    )


def _at_path(path: Path, bundles: Path) -> tuple[Callable[[Any], None], Any]:
    from zoo.bundles import Bundle
    from zoo.config import load_card, load_experiment, yamls
    from zoo.jobs.opening import load_trained

    if path.is_dir():
        trained = load_trained(path, path, path)
        return (bundle if isinstance(trained, Bundle) else partial(run, bundles=bundles)), trained
    if not path.exists():
        raise ZooError(f"no file {path}")
    return (card, load_card(path)) if "source" in yamls.read(path).value else (experiment, load_experiment(path))


def model(one: Entry) -> None:
    """A model, from the catalogue."""
    tables.say(f"{one.name}      model      {one.summary}")
    size = None if one.file_size is None else f"{one.file_size / 1e6:,.1f} MB on disk"
    facts = [f"[{fact}]" if fact in one.optional else fact for fact in one.facts]
    example = ", ".join(f"{key} {_plain(value)}" for key, value in one.example.items())
    measured = (
        f"{tables.count(one.params)} parameters, {size}, {tables.short(one.flops)} FLOPs" if size else "not measured yet: zoo catalogue"
    )
    tables.facts(
        [
            ("paper", one.paper or ""),
            ("takes", f"{' or '.join(one.modalities)}; built from {', '.join(facts)}"),
            ("learns", ", ".join(one.tasks)),
            ("size", f"{measured} (at {example})"),
            ("exports", ", ".join(one.exports) or "none passes"),
            ("code", one.module),
        ],
        indent=2,
    )
    print()
    rows = [(name, _plain(value), ", ".join(map(_plain, one.space.get(name, [])))) for name, value in one.hparams.items()]
    tables.show(("hparam", "default", "search space"), rows, indent=2)
    arguments = ", ".join(f"{key}={tuple(value) if isinstance(value, list) else value!r}" for key, value in one.example.items())
    print(f'\n  zoo.create_model("{one.name}", {arguments})')
    from zoo.jobs.experiments import training_of

    command = training_of(one)
    if command:
        print(f"  {command}")


def card(one: Card) -> None:
    """A dataset, from its card."""
    from zoo.config.sources import TfdsSource

    tables.say(f"{one.name}      dataset      {one.title}")
    split = ", ".join(f"{key} {_plain(value)}" for key, value in one.split.model_dump(exclude_none=True).items())
    told, what = one.target.classes or one.target.columns, "labels" if one.multilabel else "classes" if one.target.classes else "columns"
    target = f"{one.target.name}" + (f", {len(told)} {what}: {', '.join(told)}" if told else "")
    target += f", labels with '{one.target.separator}' between them" if one.target.separator else ""
    tables.facts(
        [
            ("task", one.task),
            ("target", target + (f", in {one.target.unit}" if one.target.unit else "")),
            ("holds", f"{lists.holds(one)}; models may take it as {' or '.join(one.gives)}"),
            ("split", split),
            ("group", one.group or ""),
            ("licence", one.licence),
            ("homepage", one.homepage or ""),
            ("citation", one.citation or ""),
            ("source", _source(one)),
        ],
        indent=2,
    )
    if one.columns:
        print()
        tables.show(
            ("column", "type", "settings"),
            [(name, column.type, _settings(column)) for name, column in one.columns.items()],
            indent=2,
        )
    source, called = one.source, one.name
    if isinstance(source, TfdsSource) and called.startswith("tfds_"):
        called = f"tfds:{source.name}" + (f"/{source.config}" if source.config else "")
    print(f'\n  zoo.load_dataset("{called}")')


def _settings(column: BaseModel) -> str:
    """What a column says of itself beside its type."""
    said = column.model_dump(exclude_none=True, exclude={"type"})
    return ", ".join(f"{key} {_plain(value)}" for key, value in said.items()) or "-"


def _source(one: Card) -> str:
    """The source's kind, and its files with hash and address."""
    source = one.source
    files: list[Any] = [*source.files(), *source.folders()]
    told = [
        file.name + (f"      sha256 {file.sha256[:16]}…" if file.sha256 else "") + (f"      {file.url}" if file.url else "")
        for file in files
    ]
    if not told:
        inside = ", which ships inside it" if source.kind == "sklearn" else ""
        return f"{lists.origin(one)}'s {getattr(source, 'name', source.kind)}{inside}"
    return ("\n" + " " * 14).join([source.kind, *told])


def experiment(one: Experiment) -> None:
    """An experiment: its header comment, and all of it with every default."""
    from zoo import shelf
    from zoo.config import yamls

    print(f"{one.name}      experiment")
    path = shelf.names("experiments").get(one.name)
    for line in _header(path) if path else []:
        print(f"  {line}")
    print()
    print("\n".join(f"  {line}" for line in yamls.dump(one.model_dump(mode="json", exclude_none=True)).splitlines()))
    print(f"\n  zoo run {one.name}")


def _header(path: Path) -> list[str]:
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line)
    return lines


def run(one: Run, bundles: Path) -> None:
    """A run: what it was, how it ended, how good it is, what became of it."""
    from zoo.jobs.experiments import resume_command, state_of
    from zoo.jobs.pipeline import bundle_of

    facts, state, evaluated = one.facts, state_of(one), one.evaluated
    parts = ", ".join(f"{name} {part['rows']:,}" for name, part in one.data["parts"].items())
    goal = one.experiment.goal
    told = [
        ("state", state),
        ("model", f"{facts.get('model')}, {tables.count(facts.get('params'))} parameters"),
        ("dataset", f"{facts['dataset']}: {parts} rows"),
        ("goal", str(goal) if goal and not evaluated else ""),
        ("trained", f"{facts['epochs']} epochs, the best is {facts['best_epoch']}" if "epochs" in facts else ""),
        ("when", f"{facts.get('started')} to {facts.get('finished', '-')}"),
        ("threads", str(facts.get("threads", ""))),
        ("versions", ", ".join(f"{name} {number}" for name, number in facts.get("versions", {}).items())),
    ]
    if evaluated:
        summary.measured(one), summary.run_facts(one)  # what is broken is said before anything is printed
    print(f"{one.path}      run of {one.name}")
    tables.facts(told, indent=2)
    if state == "interrupted":
        tables.facts([("next", resume_command(one, one.path.parents[1]))])
    if not evaluated:
        tables.facts([("next", f"zoo evaluate {one.path}" if state == "finished" else "")])
        return
    summary.show(one)
    made = bundle_of(one, bundles)
    tables.facts([*summary.bundle_facts(made), ("next", f"zoo predict {made.path} FILE")] if made else [("next", f"zoo export {one.path}")])


def bundle(one: Bundle) -> None:
    """A bundle: what it takes and answers, its proof, its run."""
    manifest = one.manifest
    print(f"{one.path}      bundle of {manifest['run']['path']}")
    inputs = [(name, part["name"], part["dtype"], _plain(["batch", *part["shape"]])) for name, part in manifest["inputs"].items()]
    answers = [(name, part["dtype"], _plain(part["shape"])) for name, part in manifest["answers"].items()]
    told = [("proof", one.describe()), ("reads", summary.reads(manifest["reading"])), ("created", manifest["created"])]
    tables.facts([*told, ("serve", summary.serve(one))], indent=2)
    print()
    tables.show(("takes", "in the source", "dtype", "shape"), inputs, indent=2)
    print()
    tables.show(("answers", "dtype", "shape"), answers, indent=2)
    print(f"\n  zoo predict {one.path} FILE")


def _plain(value: Any) -> str:
    """A value as YAML's flow style shows it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_plain, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
