"""Transfer learning: what is frozen stays as it is, features computed once change nothing, resuming is exact, mistakes are told."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from zoo import create_model, registry
from zoo.assembly import assemble
from zoo.config import load_experiment
from zoo.errors import Interrupted, ZooError
from zoo.layers import logits, trunk
from zoo.registry import known, register_model
from zoo.runs import Run, all_runs
from zoo.training import callbacks, features, snapshot, train, transfer

EPOCHS, WARM = 4, 2
PLATEAU = {"name": "plateau", "patience": 1}


@pytest.fixture(scope="module", autouse=True)
def _tiny_backbone():
    """A model whose `backbone` has two blocks with all that freezing is about, in a registry of this file's own."""
    registry.load_all()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(known, "_registered", dict(known._registered))
        patched.setattr(callbacks, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)  # so that the last ones can be compared

        @register_model("tiny", modality="vector", tasks=("classification",), example={"input_shape": (64,), "num_outputs": 10})
        def tiny(input_shape, num_outputs, *, width=8, dropout=0.3):
            x = inside = keras.Input(input_shape)
            for number in (1, 2):
                x = layers.Dense(width, name=f"block{number}_dense")(x)
                x = layers.BatchNormalization(momentum=0.5, name=f"block{number}_norm")(x)
                x = layers.Dropout(0.4, name=f"block{number}_dropout")(layers.ReLU()(x))
            vector = keras.Input(input_shape)
            x = keras.Model(inside, x, name="backbone")(vector)
            x = layers.Dropout(dropout, name="dropout")(x) if dropout else x
            return keras.Model(vector, logits(x, num_outputs))

        yield


def asked(source, **changes):
    """An experiment that starts from a run."""
    return load_experiment(
        {
            "dataset": "digits",
            "model": {"name": "tiny", "weights": source and str(source)},
            "train": {
                "epochs": EPOCHS,
                "batch_size": 128,
                "early_stopping": None,
                "keep_best": "last",
                "schedule": {"name": "plateau", "patience": 1},
            },
            "transfer": {"freeze": "backbone", "warm_epochs": WARM, "unfreeze": "last_block", "freeze_batch_norm": False},
        },
        changes,
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    plain = {"dataset": "digits", "model": "tiny", "train": {"epochs": 3, "batch_size": 128}}
    return train(load_experiment(plain), runs=tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def tuned(source, tmp_path_factory):
    """Two phases, undisturbed; `said` is what was logged."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("zoo").addHandler(handler)
    run = train(asked(source.path), runs=tmp_path_factory.mktemp("tuned"))
    logging.getLogger("zoo").removeHandler(handler)
    run.said = said
    return run


def weights_in(run_or_model):
    model = run_or_model.model if isinstance(run_or_model, Run) else run_or_model
    return {one.name: one.get_weights() for one in trunk.leaves(model) if one.weights}


def same(one, other):
    return all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))


def assert_same_end(one, other):
    assert (one.path / "history.csv").read_bytes() == (other.path / "history.csv").read_bytes()
    assert same(one.model.get_weights(), other.model.get_weights())
    mine, theirs = snapshot.read(one.path), snapshot.read(other.path)
    assert (mine.callbacks, mine.phase) == (theirs.callbacks, theirs.phase)
    assert same(mine.variables, theirs.variables)


# Two phases


def test_the_phases_are_told_and_the_history_goes_on(tuned, source):
    assert f"took 14 of 14 weights from {source.path}" in tuned.said
    assert "phase 1 from epoch 1: 1 of 5 layers learn at 0.001, on features computed once" in tuned.said
    assert "phase 2 from epoch 3: 3 of 5 layers learn at 0.0001" in tuned.said
    assert tuned.history["epoch"].tolist() == [1, 2, 3, 4]
    assert tuned.history["learning_rate"].tolist() == pytest.approx([1e-3] * WARM + [1e-4] * 2)
    assert tuned.facts["weights"]["run"] == str(source.path)


def test_what_is_frozen_does_not_move_and_the_last_block_does(tuned, source):
    before, after = weights_in(source), weights_in(tuned)
    assert same(before["block1_dense"], after["block1_dense"])
    assert same(before["block1_norm"], after["block1_norm"])
    for name in ("block2_dense", "block2_norm", "head"):
        assert not any(np.array_equal(one, other) for one, other in zip(before[name], after[name], strict=True)), name
    assert all(one.trainable for one in trunk.leaves(tuned.model))  # whoever goes on with the model finds nothing frozen


def test_batch_norms_stay_as_they_are_unless_asked(source):
    assembled = assemble(asked(source.path, **{"transfer.unfreeze": "all", "transfer.freeze_batch_norm": True}))
    with transfer.begun(transfer.plan(assembled)[1], assembled):
        assert [one.name for one in trunk.leaves(assembled.model) if one.trainable_weights] == ["block1_dense", "block2_dense", "head"]


def test_a_frozen_part_infers_while_the_rest_learns(source):
    assembled = assemble(asked(source.path, **{"model.dropout": 0.0}))
    vectors = np.random.default_rng(1).normal(size=(32, 64)).astype("float32")
    wanted = np.asarray(assembled.model(vectors, training=False))
    first, second = transfer.plan(assembled)
    with transfer.begun(first, assembled):
        np.testing.assert_array_equal(assembled.model(vectors, training=True), wanted)
    with transfer.begun(second, assembled):
        inner = keras.Model(
            assembled.model.get_layer("backbone").input, assembled.model.get_layer("backbone").get_layer("block1_norm").output
        )
        np.testing.assert_array_equal(inner(vectors, training=True), inner(vectors, training=False))
        assert np.abs(assembled.model(vectors, training=True) - wanted).max() > 1e-3
    assert np.abs(assembled.model(vectors, training=True) - wanted).max() > 1e-3  # as it was before


def test_features_computed_once_change_nothing(tuned, source, tmp_path, monkeypatch):
    monkeypatch.setattr(features.store, "fits", lambda size: False)
    mapped = train(asked(source.path), runs=tmp_path / "mapped")
    assert_same_end(mapped, tuned)
    monkeypatch.setattr(features, "assembled", lambda *given: None)
    whole = train(asked(source.path), runs=tmp_path / "whole")
    np.testing.assert_allclose(whole.history, tuned.history, rtol=1e-4)
    for one, other in zip(whole.model.get_weights(), tuned.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_what_changes_from_epoch_to_epoch_is_not_kept(source):
    assembled = assemble(asked(source.path))
    frozen = transfer.plan(assembled)[0].frozen
    with transfer.still(frozen):
        assert isinstance(features.assembled(assembled, frozen).learning["train"].x, np.ndarray)
    random = {**assembled.learning, "train": replace(assembled.learning["train"], augment=object())}
    assert features.assembled(replace(assembled, learning=random), frozen) is None
    assert features.assembled(assembled, frozen[:3]) is None  # a part of the backbone: the rest of it stands behind


@pytest.mark.parametrize("epoch", [1, WARM, WARM + 1], ids=["in phase 1", "at the border", "in phase 2"])
def test_a_run_stopped_anywhere_ends_bit_identical(epoch, tuned, source, tmp_path, monkeypatch):
    written = callbacks.Checkpoint.write

    def stop(self, reached):
        written(self, reached)
        if reached == epoch:
            raise KeyboardInterrupt

    here = tmp_path / "source" / source.id  # of which nothing is left when it is resumed
    shutil.copytree(source.path, here)
    with monkeypatch.context() as patched:
        patched.setattr(callbacks.Checkpoint, "write", stop)
        with pytest.raises(Interrupted):
            train(asked(here), runs=tmp_path / "runs")
    assert snapshot.read(all_runs(tmp_path / "runs")[0].path).phase == (epoch > WARM)
    shutil.rmtree(here)
    assert_same_end(train(asked(here), runs=tmp_path / "runs", resume=True), tuned)


def test_other_weights_than_a_run_began_with_are_refused(source, tmp_path):
    here = tmp_path / "source" / source.id
    shutil.copytree(source.path, here)
    run = train(asked(here, **{"train.epochs": 1, "transfer.unfreeze": None}), runs=tmp_path / "runs")
    run.mark("running")
    shutil.rmtree(run.path / "checkpoints")
    model = Run(source.path).model
    model.get_layer("head").set_weights([np.zeros((8, 10)), np.zeros(10)])
    model.save(here / "model.keras")
    with pytest.raises(ZooError, match=r"began with other weights.*\n.*taken from .*\n.*start a new run"):
        train(asked(here, **{"train.epochs": 1, "transfer.unfreeze": None}), runs=tmp_path / "runs", resume=True)


def test_early_stopping_counts_in_the_last_phase_only(source, tmp_path):
    never = {
        "train.early_stopping": {"patience": 1, "min_delta": 100},
        "train.epochs": 9,
        "transfer.warm_epochs": 3,
        "train.keep_best": None,
    }
    assert len(train(asked(source.path, **never), runs=tmp_path).history) == 3 + 2


def test_a_model_can_be_evaluated_as_it_comes(source, tmp_path):
    run = train(asked(source.path, **{"transfer": {"freeze": "all"}, "train.epochs": 1}), runs=tmp_path)
    assert same(run.model.get_weights(), source.model.get_weights())
    assert run.history["val.loss"].tolist() == pytest.approx([source.history["val.loss"].min()], rel=1e-5)


# Rates and adapters


def test_each_block_learns_slower_than_the_one_after_it(source):
    decayed = {"transfer.unfreeze": "all", "transfer.layer_decay": 0.5, "train.optimizer": {"name": "sgd", "learning_rate": 1.0}}
    assembled = assemble(asked(source.path, **decayed))
    model = assembled.model
    with transfer.begun(transfer.plan(assembled)[1], assembled):
        before = {one.path: one.numpy().copy() for one in model.trainable_variables}
        model.optimizer.build(model.trainable_variables)
        model.optimizer.apply([keras.ops.ones(one.shape) for one in model.trainable_variables], model.trainable_variables)
        moved = {one.path: float((before[one.path] - one.numpy()).mean()) for one in model.trainable_variables}
    for path, by in moved.items():
        expected = 0.025 if "block1" in path else 0.05 if "block2" in path else 0.1
        assert by == pytest.approx(expected, rel=1e-3), path
    assert len(moved) == 10


def test_adapters_learn_and_are_ordinary_weights_in_the_end(source, tmp_path):
    run = train(asked(source.path, **{"transfer.unfreeze": "all", "transfer.lora": 2, "transfer.learning_rate_factor": 1.0}), runs=tmp_path)
    before, after = weights_in(source), weights_in(run)
    assert run.model.count_params() == source.model.count_params()
    for name in ("block1_dense", "block2_dense"):
        difference = after[name][0] - before[name][0]
        assert np.linalg.matrix_rank(difference, tol=1e-5) == 2, name
        np.testing.assert_array_equal(after[name][1], before[name][1])
    assert same(before["block1_norm"], after["block1_norm"])
    val = assemble(run.experiment).learning["val"]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(val.y, run.model.predict(val.x, verbose=0))
    assert float(loss) == pytest.approx(run.history["val.loss"].iloc[-1], rel=1e-4)
    with pytest.raises(ZooError, match=r"transfer\.lora: Keras has adapters for none"):
        transfer.plan(assemble(asked(source.path, **{"transfer.unfreeze": "block2_norm", "transfer.lora": 2})))


# The parts of a network


def test_a_block_is_a_scale_of_an_image_and_a_block_by_its_name_elsewhere():
    def first_of_each(name, **facts):
        model = create_model(name, **facts)
        return [next(one.name for one in block if one.weights) for block in trunk.blocks(model, trunk.trunk(model))]

    image = {"input_shape": (32, 32, 3), "num_outputs": 3}
    assert first_of_each("mobilenet_v2_035", **image) == [
        "Conv1",
        "block_1_depthwise",
        "block_3_depthwise",
        "block_6_depthwise",
        "block_13_depthwise",
    ]
    assert first_of_each("vgg16", **image) == [f"block{number}_conv1" for number in range(1, 6)]
    assert len(first_of_each("resnet20_cifar", **image)) == 3
    text = {"input_shape": (8,), "vocabulary_size": 11}
    assert first_of_each("gpt_nano", **text) == ["embedding", "block1", "block2", "block3", "block4"]
    assert len(first_of_each("mlp", input_shape=(8,), num_outputs=2, hidden=[4, 4, 4])) == 3


@pytest.mark.parametrize(
    ("unfreeze", "learn"),
    [
        ("all", ["block1_dense", "block1_norm", "block2_dense", "block2_norm", "head"]),
        (1, ["block2_norm", "head"]),
        (3, ["block1_norm", "block2_dense", "block2_norm", "head"]),
        ("block1_norm", ["block1_norm", "block2_dense", "block2_norm", "head"]),
    ],
)
def test_what_unfreeze_names_learns(unfreeze, learn, source):
    assembled = assemble(asked(None, **{"transfer.unfreeze": unfreeze}))
    with transfer.begun(transfer.plan(assembled)[1], assembled):
        assert [one.name for one in trunk.leaves(assembled.model) if one.trainable_weights] == learn


# Weights of another run


def test_weights_are_taken_where_names_and_shapes_agree():
    image = {"input_shape": (12, 12, 1)}
    encoder, variational = create_model("autoencoder_conv", **image), create_model("vae_conv", **image)
    taken = trunk.take(variational, encoder, "a run")
    assert str(taken) == "10 of 18 weights"  # two convolutions of the encoder, three of the decoder
    assert "log_variance" in taken.fresh
    ours, theirs = (one.get_layer("encoder").get_weights() for one in (variational, encoder))
    assert same(ours[:4], theirs[:4])
    dense = create_model("autoencoder_dense", input_shape=(7,))
    classifier = create_model("mlp", input_shape=(7,), num_outputs=3, hidden=[256, 128])
    assert trunk.take(classifier, dense, "a run").fresh == ("head",)
    small, large = (create_model("gpt_nano", input_shape=(8,), vocabulary_size=size) for size in (11, 13))
    taken = trunk.take(large, small, "a run")
    assert taken.fresh == ("embedding",)
    assert same(large.get_layer("block4").get_weights(), small.get_layer("block4").get_weights())
    three, ten = (create_model("cnn_small", input_shape=(8, 8, 1), num_outputs=size) for size in (3, 10))
    assert trunk.take(three, ten, "a run").fresh == ("head",)  # whose convolutions Keras counted on


def test_nothing_that_fits_names_the_first_layer_that_differs():
    one = create_model("tiny", input_shape=(5,), num_outputs=10)
    other = create_model("tiny", input_shape=(6,), num_outputs=10, width=9)
    with pytest.raises(ZooError, match=r"a run has no weights that fit.*'tiny'\n.*'block1_dense'.*\(5, 8\), \(8,\).*\(6, 9\), \(9,\)"):
        trunk.take(one, other, "a run")


def test_a_run_of_another_modality_or_none_is_refused_at_once(source, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.assembly.prepare", lambda *given, **more: pytest.fail("the data was read before the weights were looked at"))

    def refused(weights, model="tiny"):
        with pytest.raises(ZooError) as raised:
            train(load_experiment({"dataset": "digits", "model": {"name": model, "weights": weights}}), runs=source.path.parents[1])
        return str(raised.value)

    assert "takes vector, and this one image" in refused(str(source.path), "cnn_small")
    assert "takes vector, and this one image" in refused(f"{source.name}@last", "cnn_small")
    assert "no run '20200101-000000'" in refused("20200101-000000")
    assert "no finished run of 'digits_tinny'" in refused("digits_tinny@last")
    here = tmp_path / source.id
    shutil.copytree(source.path, here)
    Run(here).mark("interrupted")
    assert "is not finished" in refused(str(here))
    assert all(one.id == source.id for one in all_runs(source.path.parents[1]))


# Mistakes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transfer.warm_epochs": EPOCHS}, r"warm_epochs: 4 leaves phase 2 none of the 4 epochs"),
        ({"transfer.unfreeze": None, "transfer.lora": 4}, r"lora is of the layers that learn in phase 2"),
        ({"transfer.unfreeze": None, "transfer.layer_decay": 0.8}, r"layer_decay is of the layers that learn in phase 2"),
        ({"transfer.layer_decay": 1.5}, r"transfer\.layer_decay should be less than or equal to 1"),
        ({"transfer.warm_epoch": 1}, r"transfer\.warm_epoch is not a setting of transfer\n.*did you mean: transfer.warm_epochs"),
    ],
)
def test_what_cannot_be_is_told_when_the_experiment_is_read(changes, said):
    with pytest.raises(ZooError, match=said):
        asked(None, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"transfer.unfreeze": "block3_dense"},
            r"unfreeze: 'block3_dense' names no layer that can learn.*\n.*did you mean: .*block2_dense",
        ),
        ({"transfer.unfreeze": 9}, r"transfer\.unfreeze: 9 layers, and the frozen part of 'tiny' has 4"),
        ({"transfer.freeze": "bakbone"}, r"transfer\.freeze: model 'tiny' has no layer 'bakbone'\n.*did you mean: backbone"),
        ({"transfer.freeze": "head"}, r"transfer\.freeze: head leaves no layer of 'tiny' that could learn in the 2 frozen epochs"),
    ],
)
def test_a_layer_that_is_not_there_is_told_before_training(changes, said, tmp_path):
    with pytest.raises(ZooError, match=said):
        train(asked(None, **changes), runs=tmp_path)
    assert not list(tmp_path.iterdir())


# Published weights of small images


def test_resnet8_answers_as_the_file_of_its_benchmark(tmp_path):
    found = [path for root in [os.environ.get("ZOO_DATA_DIR")] if root for path in Path(root).rglob("mlperf_tiny_resnet8.h5")]
    if not found:
        pytest.skip("ZOO_DATA_DIR has no mlperf_tiny_resnet8.h5")
    images = np.random.default_rng(2).uniform(0, 255, (8, 32, 32, 3)).astype("float32")
    model = create_model("resnet8_cifar", input_shape=(32, 32, 3), num_classes=10, weights="cifar10")
    theirs = keras.saving.load_model(found[0], compile=False)
    np.testing.assert_allclose(keras.ops.softmax(model(images)), theirs.predict(images, verbose=0), atol=1e-5)
    other = create_model("resnet8_cifar", input_shape=(32, 32, 3), num_classes=4, weights="cifar10")
    assert same(other.get_weights()[:-2], model.get_weights()[:-2])
    with pytest.raises(ZooError, match="three channels and width: 16"):
        create_model("resnet8_cifar", input_shape=(32, 32, 1), num_classes=10, weights="cifar10")
