"""Run folders: whole or not there, whoever is killed when; locks that a kill frees; files that say when they are broken."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo import runs
from zoo.config import load_experiment, yamls
from zoo.errors import ZooError

EXPERIMENT = {"dataset": "iris", "model": {"name": "mlp", "l2": 1e-5}, "train": {"epochs": 2}}


@pytest.fixture(scope="module")
def experiment():
    return load_experiment(EXPERIMENT)


@pytest.fixture
def make(tmp_path, experiment):
    def one(state="finished", root=tmp_path / "runs"):
        run = runs.create(root, experiment, experiment.card, {"threads": 2}, {"parts": [1, 2]})
        run.mark(state)
        return run

    return one


def test_a_new_run_holds_what_is_known_before_training(make, experiment, tmp_path):
    run = make("running")
    assert run.path.parent == tmp_path / "runs" / "iris_mlp"
    assert sorted(path.name for path in run.path.iterdir()) == ["card.yaml", "checkpoints", "data.json", "experiment.yaml", "run.json"]
    again = runs.Run(run.path)
    assert (again.name, again.id, again.state, again.facts["threads"], again.data["parts"]) == (
        "iris_mlp",
        run.path.name,
        "running",
        2,
        [1, 2],
    )
    assert again.experiment.model_dump() == experiment.model_dump()
    assert again.card.model_dump() == again.experiment.card.model_dump() == experiment.card.model_dump()
    assert (again.card.name, again.experiment.name) == ("iris", "iris_mlp")
    for file in ("run.json", "data.json"):
        assert json.loads((run.path / file).read_text())["format"] == 1


def test_runs_of_one_second_have_names_of_their_own(make, tmp_path):
    ids = [make().id for _ in range(5)]
    assert len(set(ids)) == 5
    assert sorted(path.name for path in (tmp_path / "runs/iris_mlp").iterdir()) == sorted(ids)


def test_runs_are_listed_newest_first(tmp_path, make):
    for stamp in ("20260101-000001", "20260101-000000", "20251231-235959", "20260101-000001-2"):
        make().path.rename(tmp_path / "runs/iris_mlp" / stamp)
    ids = [run.id for run in runs.all_runs(tmp_path / "runs")]
    assert ids == ["20260101-000001-2", "20260101-000001", "20260101-000000", "20251231-235959"]
    assert runs.all_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_folder_id_and_last(make, tmp_path):
    root = tmp_path / "runs"
    old, new, running = make(), make(), make("running")
    for index, run in enumerate((old, new, running)):
        run.path.rename(root / "iris_mlp" / f"2026010{index}-000000")
    assert runs.find(root / "iris_mlp/20260100-000000", root).id == "20260100-000000"
    assert runs.find("20260101-000000", root).id == "20260101-000000"
    assert runs.find("iris_mlp@last", root).id == "20260101-000000"
    assert runs.find(new, root) is new


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("iris_mpl@last", "did you mean: iris_mlp"),
        ("iris_mlp@first", "after @ stands 'last'"),
        ("20991231-000000", "no run '20991231-000000'"),
        ("iris_mlp", "iris_mlp@last"),
        ("x" * 5000, "no run"),
    ],
)
def test_a_run_that_is_none_is_told(make, tmp_path, what, says):
    make()
    with pytest.raises(ZooError) as caught:
        runs.find(what, tmp_path / "runs")
    assert says in str(caught.value)


def test_an_unfinished_run_is_not_last(make, tmp_path):
    make("interrupted")
    with pytest.raises(ZooError, match="no finished run of 'iris_mlp'"):
        runs.find("iris_mlp@last", tmp_path / "runs")


def test_an_id_that_two_experiments_share_is_told(make, tmp_path):
    run = make()
    other = tmp_path / "runs/other" / run.id
    other.parent.mkdir()
    subprocess.run(["cp", "-r", run.path, other], check=True)
    with pytest.raises(ZooError, match="the ID of several runs"):
        runs.find(run.id, tmp_path / "runs")


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"format": 1}', b'{"format": 2}', b"[]", b"null", b"\xff\xfe", b'{"format": 1, "state": "fin']
)
def test_a_broken_run_is_told_and_hides_no_other(make, tmp_path, content):
    whole, broken = make(), make()
    (broken.path / "run.json").write_bytes(content)
    with pytest.raises(ZooError, match=r"run\.json"):
        runs.Run(broken.path)
    assert [run.id for run in runs.all_runs(tmp_path / "runs")] == [whole.id]


@pytest.mark.parametrize("name", ["experiment.yaml", "card.yaml", "data.json"])
@pytest.mark.parametrize("size", [None, 0, 20])
def test_a_file_that_is_missing_or_cut_is_named(make, name, size):
    run = make()
    path = run.path / name
    if size is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ZooError, match=name):
        getattr(runs.Run(run.path), name.partition(".")[0])


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(ZooError, match="no run folder"):
        runs.find(tmp_path, tmp_path)


def test_a_state_that_is_needed(make):
    make("finished").needs_finished()
    with pytest.raises(ZooError, match="is not finished") as caught:
        make("interrupted").needs_finished()
    assert "--resume" in str(caught.value)


def test_json_has_no_nan(tmp_path):
    data = {"a": math.nan, "b": [1.5, math.inf, (-math.inf, "NaN")], "c": {"d": math.nan, "e": None, "f": True}}
    runs.write_json(tmp_path / "x.json", data)
    assert json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail) == {
        "format": 1,
        "a": None,
        "b": [1.5, None, [None, "NaN"]],
        "c": {"d": None, "e": None, "f": True},
    }
    assert runs.read_json(tmp_path / "x.json")["b"] == [1.5, None, [None, "NaN"]]


def test_writing_is_all_or_nothing(tmp_path):
    path = tmp_path / "x.txt"
    runs.write_text(path, "old")

    def half(temporary: Path) -> None:
        temporary.write_text("hal")
        assert path.read_text() == "old"
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        runs.write_atomically(path, half)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x.txt", "old")]

    def full(temporary: Path) -> None:
        temporary.write_text("hal")
        raise OSError(28, "No space left on device")

    with pytest.raises(ZooError, match=r"cannot write .*x\.txt") as caught:
        runs.write_atomically(path, full)
    assert "the disk is full" in str(caught.value)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x.txt", "old")]
    runs.write_text(path, "new")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x.txt", "new")]


def test_a_reader_of_the_old_file_goes_on_reading_it(tmp_path):
    """The new file takes the name; it is not written into the old one, which a kill could leave half changed."""
    runs.write_text(tmp_path / "x.txt", "the old words")
    with (tmp_path / "x.txt").open() as reading:
        runs.write_text(tmp_path / "x.txt", "new")
        assert reading.read() == "the old words"
    assert (tmp_path / "x.txt").read_text() == "new"


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    """Keras goes by it."""
    seen: list[Path] = []

    def write(temporary: Path) -> None:
        seen.append(temporary)
        temporary.write_text("x")

    runs.write_atomically(tmp_path / "model.keras", write)
    assert (seen[0].suffix, seen[0].parent, seen[0].name == "model.keras") == (".keras", tmp_path, False)


def test_a_file_where_a_folder_should_be_is_told(tmp_path, experiment):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ZooError, match="a file stands where a folder should be"):
        runs.create(tmp_path / "runs", experiment, experiment.card, {}, {})


def test_where_runs_go(monkeypatch, tmp_path):
    monkeypatch.delenv("ZOO_HOME", raising=False)
    assert runs.home("runs") == Path("runs")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    assert runs.home("bundles") == tmp_path / "bundles"
    assert runs.home("runs", "elsewhere") == Path("elsewhere")


HOLD = """
import sys, time
from pathlib import Path
from zoo import runs
with runs.locked(Path(sys.argv[1]), "the run"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_kill_frees_the_lock(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ZooError, match=f"is being written by process {holder.pid}"), runs.locked(tmp_path, "the run"):
            pytest.fail("two hold one lock")
    finally:
        holder.kill()
        holder.wait()
    with runs.locked(tmp_path, "the run"), pytest.raises(ZooError, match=str(os.getpid())), runs.locked(tmp_path, "the run"):
        pytest.fail("two hold one lock")
    with runs.locked(tmp_path, "the run"):
        pass


CREATE = """
import sys
from pathlib import Path
from zoo import runs
from zoo.config import load_experiment
one = load_experiment(eval(sys.argv[2]))
print("ready", flush=True)
while True:
    runs.create(Path(sys.argv[1]), one, one.card, {}, {"parts": list(range(5000))})
"""


def test_a_kill_at_any_moment_leaves_no_half_run(tmp_path):
    """Processes that make runs without pause are killed at random moments; what is listed is whole, and the next sweeps the rest."""
    random.seed(int(time.time()))
    root = tmp_path / "runs"
    for _ in range(8):
        child = subprocess.Popen([sys.executable, "-c", CREATE, str(root), repr(EXPERIMENT)], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.005, 0.06))
        child.send_signal(signal.SIGKILL)
        child.wait()
    listed = runs.all_runs(root)
    visible = [path for path in (root / "iris_mlp").iterdir() if not path.name.startswith(".")]
    assert sorted(run.path for run in listed) == sorted(visible)
    assert listed
    for run in listed:
        assert (run.experiment.model.hparams["l2"], run.card.name, len(run.data["parts"])) == (1e-5, "iris", 5000)
    one = load_experiment(EXPERIMENT)
    runs.create(root, one, one.card, {}, {})
    assert not list((root / "iris_mlp").glob(".*"))


def test_what_a_killed_process_left_is_not_listed_and_what_a_living_one_makes_is_not_swept(tmp_path, make, experiment):
    run = make()
    dead = run.path.with_name(".new-999999999-20260101-000000")
    alive = run.path.with_name(f".new-{os.getppid()}-20260101-000000")
    for folder in (dead, alive):
        subprocess.run(["cp", "-r", run.path, folder], check=True)
    assert [one.id for one in runs.all_runs(tmp_path / "runs")] == [run.id]
    with pytest.raises(ZooError):
        runs.find(dead.name, tmp_path / "runs")
    make()
    assert (dead.exists(), alive.exists()) == (False, True)


def test_a_run_folder_may_be_moved(make, tmp_path, experiment):
    run = make()
    run.path.rename(tmp_path / "elsewhere")
    assert runs.Run(tmp_path / "elsewhere").experiment.model_dump() == experiment.model_dump()


def test_a_run_does_not_change_with_the_shelf(make, experiment):
    """It holds the card and the experiment as they were."""
    run = make()
    card = yamls.read(run.path / "card.yaml").value
    assert card["target"]["classes"] == ["setosa", "versicolor", "virginica"]
    assert yamls.read(run.path / "experiment.yaml").value["train"]["optimizer"]["learning_rate"] == 1e-3


@pytest.mark.parametrize("key", ["experiment", "dataset"])
def test_a_name_in_a_run_that_leads_elsewhere_is_refused(make, key):
    run = make()
    facts = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps({**facts, key: "../../escaped"}))
    with pytest.raises(ZooError, match=r"run\.json: '\.\./\.\./escaped' cannot be a name"):
        runs.Run(run.path)
