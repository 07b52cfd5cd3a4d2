"""The families of tables and of vectors: their sizes, what they say of a table without numbers or categories, and what they learn."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo import ZooError, create_model, registry
from zoo.layers.tables import CategoryTokens, NumberTokens

TABLES = ("dcn_v2", "ft_transformer", "tab_transformer", "wide_deep")
SMALL = {
    "dcn_v2": {"embedding": 4, "hidden": (16,)},
    "ft_transformer": {"width": 16, "heads": 2, "blocks": 1},
    "tab_transformer": {"width": 16, "heads": 2, "blocks": 1},
    "wide_deep": {"embedding": 4, "hidden": (16,)},
}
COLUMNS = [(4, ()), (0, (3, 5)), (1, (4,))]  # how many numbers, and the places of each category


def table(name, numbers, cardinalities, num_outputs=3, **hparams):
    shape = {"numbers": (numbers,), "categories": (len(cardinalities),)}
    return create_model(name, input_shape=shape, cardinalities=cardinalities, num_outputs=num_outputs, **{**SMALL[name], **hparams})


def rows(numbers, cardinalities, batch=16, seed=0):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, np.array(cardinalities, int), (batch, len(cardinalities)))
    return {"numbers": rng.normal(size=(batch, numbers)).astype("float32"), "categories": places.astype("int32")}


def test_ft_transformer_is_as_large_as_its_authors_is():
    """Their defaults at 100 numbers: 930K in one place of the paper, 929K, without its end, in another (arXiv 2106.11959, appendix)."""
    shape = {"numbers": (100,), "categories": (0,)}
    model = create_model("ft_transformer", input_shape=shape, cardinalities=(), num_outputs=1)
    tokens, attention, ffn, norm = 2 * 100 * 192 + 192, 4 * (192 * 192 + 192), 192 * 512 + 512 + 256 * 192 + 192, 2 * 192
    body = tokens + 3 * (attention + ffn) + 5 * norm
    assert body // 1000 == 929
    assert model.count_params() == body + norm + 192 + 1 == 930_241


def test_ft_transformer_reads_what_the_full_last_block_would_give():
    """The last block computes [CLS] alone, which is the same as when every token asks."""
    model = table("ft_transformer", 3, (4, 2), blocks=1)
    attention = next(layer for layer in model.layers if isinstance(layer, keras.layers.MultiHeadAttention))
    tokens, asked = keras.Model(model.input, [attention.input[1], attention.output])(rows(3, (4, 2)))
    assert asked.shape == (16, 1, 16)
    np.testing.assert_allclose(asked, attention(tokens, tokens)[:, -1:], atol=1e-6)


@pytest.mark.parametrize(("numbers", "cardinalities"), COLUMNS)
@pytest.mark.parametrize("name", TABLES)
def test_a_table_may_lack_numbers_or_categories(name, numbers, cardinalities, recwarn, tmp_path):
    keras.utils.set_random_seed(2)
    model, inputs = table(name, numbers, cardinalities), rows(numbers, cardinalities)
    classes = inputs["categories"][:, 0] % 3 if cardinalities else (inputs["numbers"][:, 0] > 0).astype("int32")
    model.compile(keras.optimizers.Adam(2e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = [float(model.train_on_batch(inputs, classes)) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.3 * losses[0]
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(inputs), model(inputs))
    assert [str(one.message) for one in recwarn if "softmax" in str(one.message)] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_contradicts_itself_is_refused(name):
    with pytest.raises(ZooError, match=r"2 cardinalities, but 3 categories.*\n.*place 0"):
        create_model(name, input_shape={"numbers": (1,), "categories": (3,)}, cardinalities=(2, 2), num_outputs=1)
    with pytest.raises(ZooError, match="a number or a category at least"):
        create_model(name, input_shape={"numbers": (0,), "categories": (0,)}, cardinalities=(), num_outputs=1)
    with pytest.raises(ZooError, match=r'for example \{"numbers"'):
        create_model(name, input_shape={"numbers": (3,)}, cardinalities=(), num_outputs=1)


@pytest.mark.parametrize("name", ["ft_transformer", "tab_transformer"])
def test_heads_share_the_width(name):
    with pytest.raises(ZooError, match=r"width = 20.*8 heads"):
        create_model(name, **registry.entry(name).example, width=20)


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_a_say(name):
    """Each number and each category moves the answer; categories of equal places are told apart."""
    keras.utils.set_random_seed(3)
    model, inputs = table(name, 2, (3, 3)), rows(2, (3, 3))
    rng = np.random.default_rng(4)
    for weight in model.trainable_weights:  # the wide part starts at 0
        weight.assign(weight.numpy() + 0.1 * rng.normal(size=weight.shape))
    before = np.asarray(model(inputs))
    for half in inputs:
        for column in range(2):
            moved = {key: values.copy() for key, values in inputs.items()}
            moved[half][:, column] = (moved[half][:, column] + 1) % 3
            assert np.abs(np.asarray(model(moved)) - before).max() > 1e-4
    swapped = {**inputs, "categories": inputs["categories"][:, ::-1]}
    assert np.abs(np.asarray(model(swapped)) - before).max() > 1e-4


def test_the_wide_part_is_a_linear_model():
    """Without hidden layers, embeddings of zeros leave numbers and places, each with a weight of its own."""
    model = table("wide_deep", 2, (3, 4), num_outputs=1, hidden=())
    layers = {layer.name: layer for layer in model.layers}
    layers["deep"].kernel.assign(np.zeros(layers["deep"].kernel.shape))
    layers["wide_numbers"].kernel.assign([[2.0], [-1.0]])
    layers["wide_categories"].embeddings.assign(np.arange(7.0)[:, None])
    given = model({"numbers": np.array([[1.0, 3.0]], "float32"), "categories": np.array([[2, 1]], "int32")})
    assert given.numpy().tolist() == [[2 * 1 - 3 + 2 + (3 + 1)]]


def test_a_cross_layer_multiplies():
    """One cross layer alone: x0 * (W x0 + b) + x0; of a rank W is thin."""
    model = table("dcn_v2", 3, (), num_outputs=0, crosses=1, hidden=())
    (dense,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    x = rows(3, ())
    x0 = x["numbers"]
    np.testing.assert_allclose(model(x), x0 * (x0 @ dense.kernel.numpy() + dense.bias.numpy()) + x0, atol=1e-6)
    thin = table("dcn_v2", 30, (), num_outputs=0, crosses=1, hidden=(), rank=2)
    assert thin.count_params() == 30 * 2 + 2 * 30 + 30


def test_the_cross_network_stands_before_the_deep_one_or_beside_it():
    stacked, parallel = (table("dcn_v2", 3, (4,), num_outputs=0, structure=one) for one in ("stacked", "parallel"))
    assert stacked.output_shape == (None, 16)
    assert parallel.output_shape == (None, 3 + 4 + 16)
    assert stacked.count_params() == parallel.count_params()


def test_tokens_are_what_the_paper_says():
    numbers, categories = NumberTokens(4), CategoryTokens((3, 2), 4, bias=True)
    x, places = np.array([[2.0, -1.0]], "float32"), np.array([[2, 1]], "int32")
    given = numbers(x)[0]
    np.testing.assert_allclose(given, x[0][:, None] * numbers.kernel.numpy() + numbers.bias.numpy(), rtol=1e-6)
    given = categories(places)[0]
    np.testing.assert_allclose(given, categories.embeddings.numpy()[[2, 3 + 1]] + categories.bias.numpy(), rtol=1e-6)


def test_a_self_normalising_network_keeps_mean_and_variance():
    keras.utils.set_random_seed(5)
    model = create_model("snn", input_shape=(40,), num_outputs=0, width=256, depth=16)
    features = model(np.random.default_rng(6).normal(size=(500, 40)).astype("float32")).numpy()
    assert abs(features.mean()) < 0.1
    assert 0.7 < features.var() < 1.4
    relu = keras.Sequential([keras.layers.Dense(256, "relu") for _ in range(16)])
    assert relu(np.random.default_rng(6).normal(size=(500, 40))).numpy().var() < 0.1


def test_a_conic_network_narrows_towards_its_outputs():
    model = create_model("snn", input_shape=(40,), num_outputs=4, width=64, depth=4, shape="conic")
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [64, 32, 16, 8, 4]


def test_tabular_resnet_is_as_large_as_the_paper_s():
    """A first layer, blocks of norm, two layers, and a last norm (arXiv 2106.11959, section 3.2)."""
    model = create_model("tabular_resnet", input_shape=(10,), num_outputs=1, width=8, blocks=3, hidden_factor=2.0)
    norm = 2 * 8
    trained = 10 * 8 + 8 + 3 * (norm + 8 * 16 + 16 + 16 * 8 + 8) + norm + 8 + 1
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == trained


SMOKE = {  # name -> (dataset, how the columns come, hparams)
    "ft_transformer": ("iris", {}, {"width": 16, "heads": 2, "blocks": 1}),
    "wide_deep": ("wine", {"number": {"bins": 6}}, {"hidden": [16]}),
}


@pytest.mark.parametrize("name", sorted(SMOKE))
def test_a_run_beats_the_majority_class_and_its_exports_answer(name, tmp_path):
    """From numbers alone, and from categories alone (bins of numbers): trained, evaluated, exported, proven."""
    dataset, columns, hparams = SMOKE[name]
    train = {"epochs": 12, "batch_size": 16, "tensorboard": False, "optimizer": {"name": "adamw", "learning_rate": 5e-3}}
    experiment = {
        "dataset": dataset, "model": {"name": name, **hparams}, "preprocess": columns, "train": train,
        "export": {"formats": ["saved_model", "onnx"]},
    }  # fmt: skip
    run = zoo.run(experiment, runs=tmp_path / "runs", bundles=tmp_path / "bundles")
    assert run.metrics["test"]["accuracy"] > run.metrics["baseline"]["test"]["accuracy"] + 0.3
    assert set(zoo.load_bundle(run.name, bundles=tmp_path / "bundles").proof) == {"saved_model", "onnx"}
