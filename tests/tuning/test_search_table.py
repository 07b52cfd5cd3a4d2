"""`trials.csv`, TensorBoard's events, and the facts for a terminal and for scripts."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import time

import made_search
import pandas as pd
import pytest
import yaml

from zoo.cli import search_view
from zoo.errors import ZooError
from zoo.runs import locked
from zoo.tuning import told
from zoo.tuning.events import write_events
from zoo.tuning.folder import best_of
from zoo.tuning.scales import scales, short_keys
from zoo.tuning.table import frame, write_table
from zoo.tuning.trials import FAILED, PRUNED, RUNNING, Trial

LIGHT = """
import sys
from pathlib import Path
from zoo.cli import search_view
from zoo.tuning.folder import SearchFolder
from zoo.tuning.table import write_table
folder = SearchFolder(Path(sys.argv[1]))
search_view.show(folder)
write_table(folder)
heavy = [one for one in ("numpy", "pandas", "matplotlib", "sklearn", "tensorboard") if one in sys.modules]
from zoo.tuning import events, report
events.write_events(folder)
report.write_report(folder)
print("loaded", *heavy, *[one for one in ("tensorflow", "keras") if one in sys.modules], file=sys.stderr)
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return made_search.finished(tmp_path_factory.mktemp("searches"))


def test_the_table_has_a_column_a_key_and_is_read_back(done):
    write_table(done)
    text = (done.path / "trials.csv").read_text("utf-8")
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    assert list(table) == ["number", *done.keys, "state", "score", "epochs", "seconds", "params", "reason"]
    for row, trial in zip(table.to_dict("records"), done.trials(), strict=True):
        assert int(row["number"]) == trial.number
        assert row["state"] == trial.state
        assert (float(row["score"]) if row["score"] else None) == trial.score
        for key in done.keys:
            assert (row[key] != "") == (key in trial.values)
            if isinstance(trial.values.get(key), (bool, int, list, str)):
                assert yaml.safe_load(row[key]) == trial.values[key]
            elif key in trial.values:
                assert float(row[key]) == trial.values[key]
    assert "model.hidden" in table
    assert not list(done.path.glob(".*trials.csv"))


def test_the_frame_holds_values_as_they_are(done):
    table = frame(done)
    assert len(table) == 40
    assert table["score"].max() == best_of(done.trials(), 1).score
    assert any(isinstance(one, list) for one in table["model.hidden"])
    assert table.loc[table["state"] == FAILED, "score"].isna().all()


def test_a_table_of_nothing_and_of_what_is_awkward(tmp_path):
    folder = made_search.empty(tmp_path)
    write_table(folder)
    assert (folder.path / "trials.csv").read_text().count("\n") == 1
    point = {"model.name": "mlp", "model.hidden": ["a, b", None], "train.batch_size": None}
    folder.write(Trial(1, point, state=FAILED, reason='two\nlines, "quoted"', continues=7))
    write_table(folder)
    (row,) = pd.read_csv(folder.path / "trials.csv", dtype=str, keep_default_na=False).to_dict("records")
    assert row["reason"] == 'two lines, "quoted"'
    assert row["continues"] == "7"
    assert yaml.safe_load(row["model.hidden"]) == ["a, b", None]
    assert row["train.batch_size"] == "null"
    assert row[made_search.RATE] == ""


def test_a_thousand_trials_are_written_at_once(tmp_path):
    folder = made_search.empty(tmp_path)
    many = made_search.trials(folder, 1000)
    began = time.perf_counter()
    write_table(folder, many)
    assert time.perf_counter() - began < 1.0
    assert len(pd.read_csv(folder.path / "trials.csv")) == 1000


def test_the_summary_tells_each_state(tmp_path, done):
    nothing = told.summary(made_search.empty(tmp_path / "none"))
    assert (nothing["best"], nothing["winner"], nothing["seconds_left"], nothing["failed"]) == (None, None, None, [])
    assert nothing["state"] == "interrupted"  # it says that it runs, and nobody holds it
    running = made_search.made(tmp_path / "running", 10)
    with locked(running.path, "the search"):
        known = told.summary(running)
    assert known["state"] == "running"
    assert known["seconds_left"] == pytest.approx(30 * 12.0)
    known = told.summary(done)
    assert known["state"] == "finished"
    assert known["seconds_left"] is None
    assert sum(known["trials"].values()) == 40
    assert known["best"]["number"] == known["winner"]["number"]
    assert [one["count"] for one in known["failed"]] == sorted((one["count"] for one in known["failed"]), reverse=True)
    assert {one["reason"][:8] for one in known["failed"]} == {"the loss", "the proc"}  # of NaN in several epochs it is one reason
    assert json.loads(json.dumps(known)) == known


@pytest.mark.parametrize(
    ("search", "left"),
    [
        ({"trials": 20}, 120.0),
        ({"trials": None, "time": 150}, 30.0),
        ({"trials": 20, "epochs": 40}, None),
        ({"trials": None, "patience": 3}, None),
    ],
)
def test_the_time_left_follows_each_budget(tmp_path, search, left):
    folder = made_search.made(tmp_path, 10, **search)
    trained = sum(trial.trained for trial in folder.trials())
    wanted = {"epochs": max(0.0, 120.0 / trained * (40 - trained))}.get(list(search)[-1], left)
    with locked(folder.path, "the search"):
        found = told.summary(folder)["seconds_left"]
    assert found == (None if wanted is None else pytest.approx(wanted))


def test_a_grid_ends_with_its_points(tmp_path):
    folder = made_search.empty(tmp_path, tuner="grid", trials=None, space={"train.batch_size": [16, 32, 64]})
    assert told.limit(folder) == 3


def test_a_corrupt_trial_is_told(tmp_path):
    folder = made_search.made(tmp_path, 3)
    (folder.of(2) / "trial.json").write_text("{")
    with pytest.raises(ZooError, match=r"0002/trial.json cannot be read"):
        told.summary(folder)


def test_the_terminal_shows_the_best_and_what_to_type(done, capsys):
    search_view.show(done)
    said = capsys.readouterr().out
    best = best_of(done.trials(), 1)
    first = said.splitlines()[3].split()
    assert first[:2] == [str(best.number), told.score(best.score)]
    assert len([line for line in said.splitlines() if line.endswith("  completed")]) == 10
    for word in (
        "digits_cnn: bayesian for the highest val.accuracy, 40 of 40 trials",
        "flattered by 0.0083",
        "accuracy 0.9741 (majority class 0.1013)",
    ):
        assert word in said
    assert f"next      zoo run {done.path / 'best.yaml'}" in said
    assert made_search.KILLED in said
    assert str(done.path / "trials" / "0009" / "trial.log") in said


def test_a_narrow_terminal_loses_columns_and_no_score(done, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    search_view.show(done)
    lines = capsys.readouterr().out.splitlines()
    assert "(no room for: " in "".join(lines)
    assert search_view._dropped(["a", "b", "c"], Trial(1, {"b": 1, "c": 2})) == ["a", "c", "b"]  # first what the best has not
    rows = [line for line in lines if line.startswith("  ") and "0.9" in line]
    assert rows
    assert max(map(len, rows)) <= 60


def test_the_terminal_shows_a_search_without_a_trial_and_one_of_failures(tmp_path, capsys):
    search_view.show(made_search.empty(tmp_path / "none"))
    assert "next      zoo search digits_cnn --resume" in capsys.readouterr().out
    folder = made_search.empty(tmp_path / "failed")
    for trial in made_search.trials(folder, 40):
        if trial.state == FAILED:
            folder.write(dataclasses.replace(trial, number=len(folder.trials()) + 1))
    folder.mark(state="failed", why="5 trials failed in a row")
    search_view.show(folder)
    said = capsys.readouterr().out
    assert "failed: 5 trials failed in a row" in said
    assert "best" not in said


def test_a_plain_line_tells_each_trial_that_ended(capsys):
    point = {"model.width": 32, made_search.RATE: 0.003}
    with search_view.Live(20, "val.accuracy", 1) as live:
        for number, score in ((1, 0.9), (2, 0.8), (3, 0.981)):
            live.started(Trial(number, point))
            live.ended(Trial(number, point, state="completed", score=score, seconds=12.3))
        live.ended(Trial(4, point, state=FAILED, reason="out of\nmemory", seconds=2.0))
        live.ended(Trial(5, point, state=PRUNED, score=0.7, seconds=2.0))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "trial 1  val.accuracy 0.9000  model.width 32  learning_rate 0.003  12 s  best so far",
        "trial 2  val.accuracy 0.8000  model.width 32  learning_rate 0.003  12 s",
        "trial 3  val.accuracy 0.9810  model.width 32  learning_rate 0.003  12 s  best so far",
        "trial 4  failed: out of memory  model.width 32  learning_rate 0.003  2.0 s",
        "trial 5  val.accuracy 0.7000  model.width 32  learning_rate 0.003  2.0 s  pruned",
    ]


def test_the_line_that_moves_counts_and_guesses(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with search_view.Live(20, "val.loss", -1) as live:
        live.best(Trial(7, {}, state="completed", score=0.2))
        live.started(Trial(11, {}))
        live.started(Trial(12, {}))
        live.began -= 60
        live.ended(Trial(11, {}, state="completed", score=0.3))
        (task,) = live.line.tasks
        assert task.fields["trial"] == "trial 12/20"
        assert task.fields["facts"] == "1 running  best val.loss 0.2000 (trial 7)  about 9 min left"
        live.ended(Trial(12, {}, state="completed", score=0.1))
        assert "best val.loss 0.1000 (trial 12)" in task.fields["facts"]
    assert live.line is None


def test_what_shows_a_search_loads_no_tensorflow(done):
    child = subprocess.run([sys.executable, "-c", LIGHT, str(done.path)], capture_output=True, text=True, timeout=60)
    assert child.stderr.splitlines()[-1:] == ["loaded"], child.stderr


def test_tensorboard_reads_the_experiment_and_a_session_a_trial(done):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    write_events(done)
    first = {path: path.read_bytes() for path in done.path.glob("events/**/*") if path.is_file()}
    times = {path: path.stat().st_mtime_ns for path in first}
    write_events(done)
    assert {path: path.read_bytes() for path in done.path.glob("events/**/*") if path.is_file()} == first
    assert {path: path.stat().st_mtime_ns for path in first} == times
    assert len(first) == 41

    def read(folder):
        events = EventAccumulator(str(folder)).Reload()
        return events, events.SummaryMetadata

    events, told_of = read(done.path / "events")
    experiment = metadata.parse_experiment_plugin_data(told_of("_hparams_/experiment").plugin_data.content)
    domains = {info.name: info for info in experiment.hparam_infos}
    assert list(domains) == done.keys
    assert (domains[made_search.RATE].domain_interval.min_value, domains[made_search.RATE].domain_interval.max_value) == (1e-5, 0.1)
    assert [one.string_value for one in domains["model.name"].domain_discrete.values] == ["cnn_small", "mlp"]
    assert [one.bool_value for one in domains["model.batch_norm"].domain_discrete.values] == [False, True]
    assert [info.name.tag for info in experiment.metric_infos] == ["val.accuracy"]
    for trial in done.trials():
        events, told_of = read(done.path / "events" / f"{trial.number:04d}")
        start = metadata.parse_session_start_info_plugin_data(told_of("_hparams_/session_start_info").plugin_data.content)
        assert set(start.hparams) == set(trial.values)
        assert start.hparams[made_search.RATE].number_value == trial.values[made_search.RATE]
        end = metadata.parse_session_end_info_plugin_data(told_of("_hparams_/session_end_info").plugin_data.content)
        assert end.status == (2 if trial.state == FAILED else 1)
        if trial.score is not None:
            (score,) = events.Tensors("val.accuracy")
            assert score.tensor_proto.float_val[0] == pytest.approx(trial.score)
            assert score.step == len(trial.curve)
            assert [one.tensor_proto.float_val[0] for one in events.Tensors("epochs/val.accuracy")] == pytest.approx(list(trial.curve))


def test_tensorboards_own_table_holds_the_trials(done):
    """What the browser would be told."""
    from tensorboard.backend.event_processing import data_provider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    write_events(done)
    events = EventMultiplexer().AddRunsFromDirectory(str(done.path / "events")).Reload()
    provider = data_provider.MultiplexerDataProvider(events, str(done.path))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    asked = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=100, allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_UNKNOWN]
    )
    experiment = context.experiment_from_metadata(RequestContext(), "", True, context.hparams_metadata(RequestContext(), ""), None)
    found = list_session_groups.Handler(RequestContext(), context, "", asked).run()
    assert {info.name for info in experiment.hparam_infos} == set(done.keys)
    scores = {group.name: [one.value for one in group.metric_values if one.name.tag == "val.accuracy"] for group in found.session_groups}
    wanted = {f"{trial.number:04d}": [trial.score] if trial.score is not None else [] for trial in done.trials()}
    assert scores == {name: pytest.approx(value) for name, value in wanted.items()}


def test_a_running_trial_has_no_session_yet(tmp_path):
    folder = made_search.empty(tmp_path)
    folder.write(Trial(1, {"model.name": "mlp"}, state=RUNNING))
    write_events(folder)
    assert [path.parent.name for path in folder.path.glob("events/**/*.zoo")] == ["events"]


def test_a_key_is_a_scale_over_all_its_axes(tmp_path):
    space = {
        "model": {"cnn_small": {"width": [64, 16]}, "mlp": {"dropout": [0.0, 0.3]}, "linear": {}},
        "train.schedule.end": {"float": [0, 1]},
    }
    found = {scale.key: scale for scale in scales(made_search.empty(tmp_path, space=space).space)}
    assert found["model.width"].choices == (16, 64)
    assert [found["model.width"].place(one) for one in (16, 64.0)] == [0.0, 1.0]
    assert [found["model.name"].place(one) for one in ("cnn_small", "mlp", "linear")] == [0.0, 0.5, 1.0]
    assert found["train.schedule.end"].place(0.25) == 0.25


def test_keys_are_shortened_only_where_they_stay_apart():
    assert short_keys(["train.epochs", "model.width", made_search.RATE]) == {
        "train.epochs": "epochs", "model.width": "model.width", made_search.RATE: "learning_rate",
    }  # fmt: skip
    assert len(set(short_keys(["train.optimizer.seed", "train.seed"]).values())) == 2
