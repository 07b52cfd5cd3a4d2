"""What a command ends with: what came out, where it is, how good beside a baseline, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.cli import tables
from zoo.config.metrics import METRICS

if TYPE_CHECKING:
    from zoo.bundles import Bundle
    from zoo.runs import Run

Facts = list[tuple[str, str]]
Rows = list[tuple[str, ...]]

SHOWN = {
    "classification": ("accuracy", "f1_macro", "roc_auc", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
    "forecasting": ("mse", "mae", "mae_raw", "smape", "mase"),
}
IN_UNITS = {"regression": ("mae", "rmse"), "forecasting": ("mae_raw", "rmse_raw")}  # of the metrics shown, those in the target's unit
BASELINE = {  # as the tasks name it, which cannot be asked without Keras
    "classification": "majority class",
    "regression": "training mean",
    "forecasting": "repeat last value",
}


def measured(run: Run) -> Rows:
    """Name, value and baseline of the test metrics that are shown; behind the name, the unit that they are in."""
    metrics, task = run.metrics, str(run.facts["task"])
    binary = len(metrics["test"].get("per_class", ())) == 2
    names = [name for name in SHOWN[task] if name != "roc_auc" or binary]
    parts, unit = (metrics["test"], metrics["baseline"]["test"]), run.card.target.unit
    told = {name: f"{name} ({unit})" for name in IN_UNITS.get(task, ()) if unit}
    return [(told.get(name, name), *(_number(part.get(name)) for part in parts)) for name in names]


def show(run: Run) -> None:
    """The test metrics beside the baseline, then goal, run and report."""
    rows, facts, baseline = measured(run), run_facts(run), BASELINE[str(run.facts["task"])]
    print()
    tables.show(("test", "value", baseline), rows, indent=2, right=(baseline,))
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
        ("goal", told),
        ("run", str(run.path)),
        ("report", str(run.path / "report.html")),
    ]


def verdict(run: Run) -> str:
    """A word where the model is worth no more than who looks at no input; else nothing."""
    task, metrics = str(run.facts["task"]), run.metrics
    shown = [(metrics["test"].get(name), metrics["baseline"]["test"].get(name), METRICS[task][name]) for name in SHOWN[task]]
    better = [said > base if way == "max" else said < base for said, base, way in shown if said is not None and base is not None]
    if not better or any(better):
        return ""
    going = run.facts.get("best_epoch") == run.facts.get("epochs")
    more = f"; it was still getting better: --set train.epochs={3 * int(run.facts['epochs'])}" if going else ""
    return f"no better than {BASELINE[task]}{more}"


def reads(reading: dict[str, Any]) -> str:
    """From which probability on the second of two classes is the answer; nothing where it is the likelier one."""
    threshold = reading.get("threshold", 0.5)
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
    return [("best", f"epoch {epoch}: " + ", ".join(f"{name} {row[name]:.4g}" for name in history.columns if name.startswith("val.")))]


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
