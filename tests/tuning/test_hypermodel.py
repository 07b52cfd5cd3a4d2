"""`zoo.hypermodel`: registered models under Keras Tuner's own hands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.tuning.hypermodel import hypermodel

MLP = {"input_shape": (64,), "num_classes": 10}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x.astype("float32") / 16, y


def build(model: keras_tuner.HyperModel, **values: Any) -> tuple[keras.Model, keras_tuner.HyperParameters]:
    hp = keras_tuner.HyperParameters()
    hp.values = values
    return model.build(hp), hp


def test_keras_tuner_searches_it_as_it_is(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = digits
    tuner = keras_tuner.RandomSearch(
        hypermodel("mlp", **MLP), objective="val_accuracy", max_trials=2, seed=1, directory=tmp_path, project_name="digits"
    )
    tuner.search(x[:600], y[:600], validation_data=(x[600:900], y[600:900]), epochs=3, verbose=0)
    best = tuner.get_best_hyperparameters()[0]
    assert set(best.values) == {"hidden", "activation", "dropout", "l2", "batch_norm", "learning_rate"}
    assert tuner.oracle.get_best_trials()[0].score > 0.3
    assert 1e-4 <= best["learning_rate"] <= 1e-2


def test_the_default_is_the_models_own() -> None:
    model, hp = build(hypermodel("mlp", **MLP))
    assert hp.values == {
        "hidden": "[64, 64]",
        "activation": "relu",
        "dropout": 0.0,
        "l2": 0.0,
        "batch_norm": "false",
        "learning_rate": 1e-3,
    }
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [64, 64, 10]
    assert isinstance(model.optimizer, keras.optimizers.AdamW)
    assert not model.jit_compile


def test_a_space_as_an_experiment_says_it() -> None:
    space = {"hidden": [[8], None, [16, 16]], "dropout": {"float": [0, 0.5], "step": 0.1}, "learning_rate": [0.1]}
    model = hypermodel("mlp", space=space, l2=0.5, activation="tanh", optimizer="sgd", **MLP)
    built, hp = build(model, hidden="[16, 16]", dropout=0.2, learning_rate=0.1)
    assert [one.name for one in hp.space] == ["hidden", "dropout", "learning_rate"]
    assert [layer.rate for layer in built.layers if isinstance(layer, keras.layers.Dropout)] == [0.2, 0.2]
    assert isinstance(built.optimizer, keras.optimizers.SGD)
    assert float(built.optimizer.learning_rate.numpy()) == pytest.approx(0.1)
    whole = hypermodel("mlp", space={"learning_rate": {"log": [1e-3, 1e-1]}}, optimizer=lambda rate: keras.optimizers.Adam(rate / 2), **MLP)
    assert float(build(whole, learning_rate=0.1)[0].optimizer.learning_rate.numpy()) == pytest.approx(0.05)


def test_numbers_are_declared_as_ranges() -> None:
    space = {"width": {"log_int": [8, 32]}, "blocks": {"int": [1, 3]}, "dropout": {"float": [0, 0.5]}, "hidden_factor": [1.0, 2.0]}
    _, hp = build(hypermodel("tabular_resnet", space=space, input_shape=(4,), num_classes=3))
    kinds = {one.name: (type(one).__name__, getattr(one, "sampling", None)) for one in hp.space}
    assert kinds == {
        "width": ("Int", "log"),
        "blocks": ("Int", "linear"),
        "dropout": ("Float", "linear"),
        "hidden_factor": ("Choice", None),
        "learning_rate": ("Float", "log"),
    }
    assert (hp["blocks"], hp["dropout"], hp["hidden_factor"]) == (2, 0.2, 2.0)  # the model's defaults
    assert hp["width"] == 8  # of which 192 lies outside


@pytest.mark.parametrize(
    ("name", "given", "loss", "metrics"),
    [
        ("linear", {"input_shape": (4,), "num_classes": 2}, keras.losses.BinaryCrossentropy, ["accuracy"]),
        ("linear", {"input_shape": (4,), "num_classes": 3}, keras.losses.SparseCategoricalCrossentropy, ["accuracy"]),
        ("linear", {"input_shape": (4,), "num_outputs": 1, "task": "classification"}, keras.losses.BinaryCrossentropy, ["accuracy"]),
        ("linear", {"input_shape": (4,), "num_outputs": 2, "task": "regression"}, keras.losses.MeanSquaredError, ["mae"]),
        ("dlinear", {"input_shape": (48, 2), "horizon": 3, "target_channels": (0,)}, keras.losses.MeanSquaredError, ["mae"]),
        ("gru", {"input_shape": (8, 2), "horizon": 3, "target_channels": (0,)}, keras.losses.MeanSquaredError, ["mae"]),
        ("autoencoder_dense", {"input_shape": (8, 8, 1)}, keras.losses.Loss, []),
        (
            "gpt_nano",
            {"input_shape": (8,), "vocabulary_size": 5, "depth": 1, "width": 8, "heads": 2},
            keras.losses.SparseCategoricalCrossentropy,
            [],
        ),
        ("vae_dense", {"input_shape": (8, 8, 1)}, None, ["elbo", "kl", "reconstruction"]),
    ],
)
def test_every_task_is_compiled_and_learns(name: str, given: dict[str, Any], loss: Callable[..., Any] | None, metrics: list[str]) -> None:
    model, _ = build(hypermodel(name, **given))
    assert isinstance(model.loss, loss) if loss else model.loss is None
    x = np.random.default_rng(1).random((4, *given["input_shape"])).astype("float32")
    y = x if name.startswith(("auto", "vae")) else np.zeros((4, *model.output_shape[1:]), "float32")
    if loss is keras.losses.SparseCategoricalCrossentropy:
        y, x = np.zeros((4, *model.output_shape[1:-1]), "int32"), np.zeros_like(x) if name == "gpt_nano" else x
    history = model.fit(x, None if loss is None else y, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert sorted(key for key in history if "loss" not in key) == metrics


def test_binary_accuracy_is_of_logits() -> None:
    model, _ = build(hypermodel("linear", input_shape=(1,), num_classes=2))
    model.set_weights([np.ones((1, 1)), np.zeros(1)] if len(model.get_weights()) == 2 else model.get_weights())
    x = np.array([[0.2], [0.3], [-0.1], [-0.2]], "float32")  # under half, as a probability
    assert model.evaluate(x, np.array([1, 1, 0, 0]), verbose=0, return_dict=True)["accuracy"] == 1.0


def test_loss_and_metrics_of_ones_own() -> None:
    model, _ = build(hypermodel("linear", input_shape=(4,), num_outputs=1, task="regression", loss="mae", metrics=["mse"]))
    history = model.fit(np.zeros((2, 4)), np.ones((2, 1)), verbose=0).history
    assert model.loss == "mae"
    assert set(history) == {"loss", "mse"}


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("mpl", MLP, "did you mean: mlp"),
        ("mlp", {**MLP, "hiden": [3]}, "did you mean: hidden"),
        ("mlp", {**MLP, "space": {"hiden": [[3]]}}, "did you mean: hidden"),
        ("mlp", {**MLP, "space": {"dropout": {"float": [0.5, 0]}}}, "space: dropout: float: .* is reversed"),
        ("mlp", {**MLP, "space": {"dropout": [0.1, 0.2]}, "dropout": 0.1}, "dropout is given, and in the space, too"),
        ("mlp", {**MLP, "optimizer": "adm"}, "did you mean: adam"),
        ("mlp", {**MLP, "task": "forecasting"}, "does not learn the task 'forecasting'"),
        ("mlp", {"input_shape": (4,), "num_outputs": 3}, "has to know what is learned"),
    ],
)
def test_mistakes_are_told_before_anything_is_built(name: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ZooError, match=message):
        hypermodel(name, **given)


def test_a_missing_fact_is_told_when_it_is_built() -> None:
    with pytest.raises(ZooError, match="needs input_shape"):
        keras_tuner.RandomSearch(hypermodel("mlp", num_classes=3), objective="val_accuracy", max_trials=1)
