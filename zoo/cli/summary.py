"""What a command ends with: what came out, where it is, how good beside a baseline, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.cli import tables

if TYPE_CHECKING:
    from zoo.bundles import Bundle
    from zoo.runs import Run

Facts = list[tuple[str, str]]
Rows = list[tuple[str, ...]]

SHOWN = {
    "classification": ("accuracy", "f1_macro", "roc_auc", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
}
BASELINE = {"classification": "majority class", "regression": "mean"}  # as the tasks name it, which cannot be asked without Keras


def measured(run: Run) -> Rows:
    """Name, value and baseline of the test metrics that are shown."""
    metrics, task = run.metrics, str(run.facts["task"])
    binary = len(metrics["test"].get("per_class", ())) == 2
    names = [name for name in SHOWN[task] if name != "roc_auc" or binary]
    parts = (metrics["test"], metrics["baseline"]["test"])
    return [(name, *(_number(part.get(name)) for part in parts)) for name in names]


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
    """Goal, run and report."""
    goal = goal_of(run)
    told = ""
    if goal:
        told = f"{run.experiment.goal}: {'met' if goal['met'] else 'missed'}" + ("" if goal["met"] else f", it is {_exact(goal['value'])}")
    return [("goal", told), ("run", str(run.path)), ("report", str(run.path / "report.html"))]


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


def as_json(run: Run, bundle: Bundle) -> dict[str, Any]:
    """All of it, for a script."""
    return {
        "experiment": run.name,
        "run": str(run.path),
        "state": run.state,
        "best_epoch": run.facts.get("best_epoch"),
        "metrics": {key: value for key, value in run.metrics.items() if key != "format"},
        "goal": goal_of(run),
        "report": str(run.path / "report.html"),
        "bundle": {"path": str(bundle.path), "version": bundle.version, "proof": bundle.proof},
        "serve": serve(bundle),
    }
