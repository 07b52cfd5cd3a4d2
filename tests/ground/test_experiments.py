"""Experiments: every default filled in and written, what is written reads back equal, a mistake names its place."""

from __future__ import annotations

import pytest

from zoo import shelf
from zoo.config import METRICS, Experiment, load_card, load_experiment, yamls
from zoo.config.experiment import Goal
from zoo.errors import ZooError

FILE = """\
dataset: digits
model: {name: cnn_small, width: 32}
train:
  epochs: 3
  optimizer: {name: adamw, learning_rate: 1.0e-3}
goal: {metric: test.accuracy, at_least: 0.9}
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> str:
        (tmp_path / "mine.yaml").write_text(text)
        return str(tmp_path / "mine.yaml")

    return write


@pytest.mark.parametrize("name", shelf.names("experiments"))
def test_a_resolved_experiment_reloads_equal(name):
    one = load_experiment(name)
    plain = one.model_dump(mode="json")
    again = Experiment.model_validate(yamls.parse(yamls.dump(plain), "a test").value)
    assert again.model_dump(mode="json") == plain
    assert again.model_dump() == one.model_dump()
    assert one.name == name


def test_floats_of_any_size_survive_the_run_folder():
    """Hparams have no declared type: what is written as text would come back as text."""
    one = load_experiment({"dataset": "digits", "model": {"name": "mlp", "l2": 1e-5}, "train": {"optimizer": {"learning_rate": 1e-7}}})
    again = Experiment.model_validate(yamls.parse(yamls.dump(one.model_dump(mode="json")), "a test").value)
    assert again.model.hparams["l2"] == 1e-5
    assert isinstance(again.model.hparams["l2"], float)
    assert again.model_dump() == one.model_dump()


def test_every_default_is_written():
    plain = load_experiment({"dataset": "iris", "model": "mlp"}).model_dump(mode="json")
    assert plain["task"] == {"name": "classification"}
    assert set(Experiment.model_fields) == set(plain)
    assert (plain["train"]["epochs"], plain["train"]["batch_size"], plain["train"]["seed"]) == (20, 64, 1)
    assert plain["train"]["early_stopping"] == {"monitor": "val.loss", "patience": 5, "min_delta": 0.0}
    optimizer = plain["train"]["optimizer"]
    assert (optimizer["name"], optimizer["learning_rate"]) == ("adamw", 1e-3)
    assert {"beta_1", "beta_2", "epsilon", "weight_decay"} <= set(optimizer)
    assert None not in optimizer.values()
    from zoo import registry

    assert set(registry.entry("mlp").hparams) <= set(plain["model"])


def test_an_experiment_is_what_its_file_says(written):
    one = load_experiment(written(FILE))
    assert (one.name, one.card.name, one.model.name, one.model.hparams["width"]) == ("mine", "digits", "cnn_small", 32)
    assert (one.train.epochs, one.goal.at_least) == (3, 0.9)


OVERRIDES = [
    ("train.epochs=5", lambda one: one.train.epochs, 5),
    ("train.optimizer.learning_rate=1e-4", lambda one: one.train.optimizer.learning_rate, 1e-4),
    ("train.early_stopping=null", lambda one: one.train.early_stopping, None),
    ("train.optimizer=sgd", lambda one: one.train.optimizer.name, "sgd"),
    ("model.width=16", lambda one: one.model.hparams["width"], 16),
    ("model=lenet5", lambda one: one.model.name, "lenet5"),
    ("train.schedule.name=cosine", lambda one: one.train.schedule.name, "cosine"),
    ("goal={metric: val.loss, at_most: 0.5}", lambda one: str(one.goal), "val.loss <= 0.5"),
    ("export.formats=[saved_model]", lambda one: one.export.formats, ("saved_model",)),
]


@pytest.mark.parametrize(("word", "of", "value"), OVERRIDES, ids=[one[0] for one in OVERRIDES])
def test_a_setting_is_set_by_its_dotted_key(written, word, of, value):
    path = written(FILE)
    assert of(load_experiment(path)) != value
    assert of(load_experiment(path, [word])) == value
    key, _, text = word.partition("=")
    assert of(load_experiment(path, {key: yamls.parse(text, "a test").value})) == value


def test_later_settings_win(written):
    assert load_experiment(written(FILE), ["train.epochs=5", "train.epochs=6"]).train.epochs == 6


@pytest.mark.parametrize(
    "word", ["train.epochs", "=3", "train..epochs=3", ".epochs=3", "train.epochs.more=3", "train.epochs=three", "train.epochs=[", ""]
)
def test_a_setting_that_is_none_is_told(written, word):
    with pytest.raises(ZooError, match="--set") as caught:
        load_experiment(written(FILE), [word])
    assert "mine.yaml, line" not in caught.value.what


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  epochs: 3", "  epcohs: 3", 4, ["epcohs", "epochs"]),
        ("learning_rate", "learning_rte", 5, ["learning_rte", "learning_rate"]),
        ("  epochs: 3", "  learning_rte: 3", 4, ["train.optimizer.learning_rate"]),
        ("goal:", "gaol:", 6, ["gaol", "goal"]),
        ("at_least", "at_lest", 6, ["at_lest", "at_least"]),
        ("  epochs: 3", "  epochs: 0", 4, ["epochs", "0"]),
        ("  epochs: 3", "  batch_size: -4", 4, ["batch_size", "-4"]),
        ("  epochs: 3", "  epochs: three", 4, ["epochs", "three"]),
        ("  epochs: 3", "  epochs: 2.5", 4, ["epochs", "2.5"]),
        ("1.0e-3", "-1", 5, ["learning_rate", "-1"]),
        ("1.0e-3", ".inf", 5, ["learning_rate"]),
        ("name: adamw", "name: adamm", 5, ["adamm", "adamw"]),
        ("name: adamw", "name: sgd, beta_1: 0.5", 5, ["sgd has no beta_1", "momentum"]),
        ("test.accuracy", "test.acuracy", 6, ["test.acuracy", "test.accuracy"]),
        ("test.accuracy", "accuracy", 6, ["accuracy"]),
        ("test.accuracy", "train.accuracy", 6, ["train.accuracy"]),
        ("test.accuracy", "test.rmse", 6, ["test.rmse"]),
        ("at_least: 0.9", "at_least: 0.9, at_most: 1", 6, ["either at_least or at_most"]),
        ("cnn_small", "cnn_smal", 2, ["cnn_smal", "cnn_small"]),
        ("width", "widht", 2, ["widht", "width"]),
        ("dataset: digits", "dataset: digit", 1, ["digit", "digits"]),
        ("dataset: digits", "dataset: iris", None, ["cnn_small", "images", "iris", "mlp"]),
        ("  epochs: 3", "  early_stopping: {monitor: test.loss}", 4, ["test.loss", "val.loss"]),
        ("  epochs: 3", "  keep_best: val.acuracy", 4, ["val.acuracy", "val.accuracy"]),
        ("  epochs: 3", "  epochs: 3\n  epochs: 4", 5, ["epochs", "twice"]),
        ("cnn_small, width: 32", "cnn_small, name: lenet5", 2, ["name", "twice"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_names_its_place_and_what_was_meant(written, old, new, line, words):
    assert FILE.count(old) >= 1
    with pytest.raises(ZooError) as caught:
        load_experiment(written(FILE.replace(old, new)))
    said = str(caught.value)
    if line:
        assert f"mine.yaml, line {line}" in caught.value.what
    for word in words:
        assert word in said


def test_what_is_missing_is_named(written):
    with pytest.raises(ZooError, match="model"):
        load_experiment(written("dataset: digits\n"))
    with pytest.raises(ZooError, match="dataset"):
        load_experiment(written("model: mlp\n"))


def test_a_task_that_is_not_the_cards_is_refused():
    with pytest.raises(ZooError, match=r"'iris' is for classification, not for regression|does not learn regression"):
        load_experiment({"dataset": "iris", "model": "mlp", "task": "regression"})
    with pytest.raises(ZooError, match="class_weight"):
        load_experiment({"dataset": "diabetes", "model": "mlp", "imbalance": "class_weight"})


def test_a_card_may_stand_in_the_experiment():
    from zoo.config import load_card

    inline = load_card("iris").model_dump(mode="json", exclude_none=True)
    one = load_experiment({"dataset": inline, "model": "mlp"})
    assert one.card.title == "Iris flowers"
    assert load_experiment(one, {"train.epochs": 2}).card == one.card


@pytest.mark.parametrize(("goal", "met", "missed"), [({"at_least": 0.9}, 0.9, 0.8999), ({"at_most": 0.1}, 0.1, 0.1001)])
def test_a_goal_is_met_at_its_bound(goal, met, missed):
    one = Goal(metric="test.accuracy", **goal)
    assert (one.met(met), one.met(missed), one.met(float("nan"))) == (True, False, False)


def test_every_metric_has_a_direction():
    assert {way for metrics in METRICS.values() for way in metrics.values()} == {"min", "max"}
    assert all("loss" in metrics for metrics in METRICS.values())


def test_an_experiment_made_by_hand_is_resolved_once():
    one = load_experiment(Experiment(dataset="iris", model="mlp"))
    assert (one.name, one.card.name, one.task.name) == ("iris_mlp", "iris", "classification")
    assert load_experiment(one) is one
    by_card = load_experiment(Experiment(dataset=load_card("iris"), model="mlp"))
    assert (by_card.card.name, by_card.card.folder) == ("iris", one.card.folder)


def test_an_experiments_name_and_seed_are_checked(tmp_path):
    (tmp_path / "...yaml").write_text(FILE)
    with pytest.raises(ZooError, match=r"'\.\.' cannot be a name"):
        load_experiment(tmp_path / "...yaml")
    with pytest.raises(ZooError, match=r"train\.seed should be less than 4294967296"):
        load_experiment({"dataset": "iris", "model": "mlp"}, {"train.seed": 2**32})
