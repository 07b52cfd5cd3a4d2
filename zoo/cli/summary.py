"""What a command ends with: what came out, where it is, how good beside a baseline, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.cli import tables
from zoo.config.metrics import TASK_FACTS, TaskFacts

if TYPE_CHECKING:
    from zoo.bundles import Bundle
    from zoo.runs import Run

Facts = list[tuple[str, str]]
Rows = list[tuple[str, ...]]


def measured(run: Run) -> Rows:
    """Name, value and baselines of the test metrics that are shown; behind the name, the unit that they are in."""
    metrics, facts = run.metrics, TASK_FACTS[str(run.facts["task"])]
    multiclass = len(metrics["test"].get("per_class", ())) > 2
    parts, unit = (metrics["test"], *run.baselines.values()), run.card.target.unit
    known = {name for part in parts for name, value in part.items() if value is not None}
    names = [name for name in facts.headline if name in known & set(metrics["test"]) and not (multiclass and name == "roc_auc")]
    told = {name: f"{name} ({unit})" for name in facts.in_units if unit}
    return [(told.get(name, name), *(_number(part.get(name)) for part in parts)) for name in names]


def show(run: Run) -> None:
    """The test metrics beside the baselines, then goal, run and report."""
    rows, facts, names = measured(run), run_facts(run), tuple(run.baselines)
    print()
    if rows:
        tables.show(("test", "value", *names), rows, indent=2, right=names)
    tables.facts(facts)


def _number(value: float | None) -> str:
    """Three decimals, of large numbers one."""
    return "-" if value is None else f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"


def goal_of(run: Run) -> dict[str, Any] | None:
    """The goal with what was reached; None where the experiment has none."""
    goal = run.experiment.goal
    if goal is None:
        return None
    value, met = goal.reached(run.metrics)
    return {**goal.model_dump(exclude_none=True), "value": value, "met": met}


def run_facts(run: Run) -> Facts:
    """How a binary answer is read, goal, run and report."""
    goal = goal_of(run)
    told = ""
    if goal:
        told = f"{run.experiment.goal}: {'met' if goal['met'] else 'missed'}" + ("" if goal["met"] else f", it is {_exact(goal['value'])}")
    return [
        ("reads", reads(run.reading)),
        ("note", verdict(run)),
        *drawn(run),
        ("goal", told),
        ("run", str(run.path)),
        ("report", str(run.path / "report.html")),
    ]


def drawn(run: Run) -> Facts:
    """Of a generative model: whose features its scores are of, and what is wrong with what it draws."""
    if run.facts["task"] != "generation":
        return []
    by = run.metrics["test"].get("classifier")
    told = "fid and kid need a classifier of the same data: --set task.classifier=EXPERIMENT"
    if by:
        told = f"fid and kid are of the features of {by['model']}, {by['experiment']}/{by['run']}, test.accuracy {by['accuracy']:.3f}"
    return [("scores", told), *(("alarm", alarm) for alarm in run.metrics.get("alarms", []))]


def verdict(run: Run) -> str:
    """A word where the model is worth no more than who looks at no input, or repeats what was; else nothing."""
    task, test = TASK_FACTS[str(run.facts["task"])], run.metrics["test"]
    beaten_by = [name for name, base in run.baselines.items() if _no_better(task, test, base)]
    if not beaten_by:
        return ""
    going = run.facts.get("best_epoch") == run.facts.get("epochs")
    more = f"; it was still getting better: --set train.epochs={3 * int(run.facts['epochs'])}" if going else ""
    return f"no better than {' and '.join(beaten_by)}{more}"


def _no_better(task: TaskFacts, test: dict[str, Any], base: dict[str, Any]) -> bool:
    """Whether none of the metrics that are shown is better than a baseline's, where any is known of both."""
    pairs = [(test[name], base[name], task.metrics[name]) for name in task.headline if None not in (test.get(name), base.get(name))]
    return bool(pairs) and not any(said > other if way == "max" else said < other for said, other, way in pairs)


def reads(reading: dict[str, Any]) -> str:
    """From which probability on the second of two classes, or each of several labels, is the answer; nothing where it is the likelier
    one."""
    if "thresholds" in reading:
        low, high = min(reading["thresholds"]), max(reading["thresholds"])
        return f"each label at {low:.3g} to {high:.3g} and above (thresholds fitted on val)"
    threshold = reading.get("threshold", 0.5)
    if reading.get("task") == "reconstruction":
        return f"an anomaly above {threshold:.3g} (threshold fitted on val)"
    return "" if threshold == 0.5 else f"{reading['classes'][1]} at {threshold:.3g} and above (threshold fitted on val)"


def _exact(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def bundle_facts(bundle: Bundle) -> Facts:
    """Where a bundle is, its proof, and how it is served."""
    return [("bundle", f"{bundle.path}      {bundle.describe()}"), ("serve", serve(bundle))]


def serve(bundle: Bundle) -> str:
    return f"docker compose -f {bundle.path.parent / 'docker-compose.yml'} up"


def best(run: Run) -> Facts:
    """The best epoch of a run that is not evaluated yet, on val."""
    epoch = run.facts.get("best_epoch")
    if epoch is None:
        return []
    history = run.history
    row = history[history["epoch"] == epoch].iloc[0]
    told = ", ".join(f"{name} {row[name]:.4g}" for name in history.columns if name.startswith("val."))
    return [("last" if run.facts.get("kept_by") == "last" else "best", f"epoch {epoch}: {told}")]


def as_json(run: Run, bundle: Bundle | None = None) -> dict[str, Any]:
    """All of it, for a script; what is not there yet is null."""
    evaluated = run.evaluated
    return {
        "experiment": run.name,
        "run": str(run.path),
        "state": run.state,
        "best_epoch": run.facts.get("best_epoch"),
        "metrics": {key: value for key, value in run.metrics.items() if key != "format"} if evaluated else None,
        "goal": goal_of(run) if evaluated else None,
        "report": str(run.path / "report.html") if evaluated else None,
        "bundle": {"path": str(bundle.path), "version": bundle.version, "proof": bundle.proof} if bundle else None,
        "serve": serve(bundle) if bundle else None,
    }
