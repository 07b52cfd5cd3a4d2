"""The drawing of a model's layers: it says what the model is, and can be read however long that is."""

from __future__ import annotations

import re
from html import unescape
from xml.etree import ElementTree

import keras
import pytest
from keras import Input, Model, layers

from zoo import create_model, registry
from zoo.jobs.pages import write_page
from zoo.jobs.pages.layers_drawing import HEIGHT, svg
from zoo.jobs.pages.layers_graph import MANY, MOST, Box, Frame, Graph, folded, graph_of, graphs_of

SVG = "{http://www.w3.org/2000/svg}"
SEVERAL = {
    "cnn_small": {"input_shape": (8, 8, 1), "num_outputs": 2},
    "wide_deep": {"input_shape": {"numbers": (3,), "categories": (2,)}, "cardinalities": (4, 5), "num_outputs": 2},
    "dlinear": {"input_shape": (30, 3), "horizon": 4, "target_channels": (1,)},
    "text_cnn": {"input_shape": (9,), "vocabulary_size": 20, "num_outputs": 1},
}


def drawn(model):
    return ElementTree.fromstring(svg(folded(graph_of(model)), model.name))


def titles(tree, kind):
    return [one.find(f"{SVG}title").text for one in tree.iter() if one.get("class") == kind]


def connections(model):
    """What Keras's own description of the model says: (from, to) of each connection between layers."""
    found = set()
    for layer in model.get_config()["layers"]:
        for node in layer["inbound_nodes"]:
            found |= {(name, layer["name"]) for name in re.findall(r"'keras_history': \['([^']+)'", str(node))}
    return found


@pytest.mark.parametrize("name", SEVERAL)
def test_boxes_are_the_layers_and_arrows_their_connections(name):
    model = create_model(name, **SEVERAL[name])
    tree = drawn(model)
    names = [title.split(": ")[0].rpartition(" ")[2] for title in titles(tree, "layer")]
    assert sorted(names) == sorted(operation.name for operation in model.operations)
    assert sorted(tuple(title.split(" → ")) for title in titles(tree, "arrow")) == sorted(connections(model))
    assert titles(tree, "frame") == []


def test_a_box_says_kind_name_shape_and_parameters():
    graph = graph_of(create_model("cnn_small", input_shape=(8, 8, 1), num_outputs=2, width=4))
    text = " ".join(ElementTree.fromstring(svg(graph, "cnn")).itertext())
    convolution = graph.boxes[2]
    assert (convolution.kind, convolution.shape, convolution.params) == ("Conv2D 3x3", "8x8x4", 36)
    for part in ("Conv2D 3x3", convolution.name, "8x8x4 · 36 parameters", "MaxPooling2D 2x2 /2", "head"):
        assert part in text


def test_branches_stand_side_by_side_in_their_order():
    x = Input((4,), name="vector")
    branches = [layers.Dense(2, name=name)(x) for name in ("one", "two", "three")]
    tree = drawn(Model(x, layers.Concatenate(name="joined")([branches[2], branches[0], branches[1]])))
    places = {}
    for box in (one for one in tree.iter() if one.get("class") == "layer"):
        rect = box.find(f"{SVG}rect")
        left, width = float(rect.get("x")), float(rect.get("width"))
        places[box.find(f"{SVG}title").text.split()[1].rstrip(":")] = (left, left + width, float(rect.get("y")))
    assert places["three"][1] < places["one"][0] < places["one"][1] < places["two"][0]
    assert places["vector"][2] + HEIGHT < places["one"][2] == places["two"][2] < places["joined"][2] - HEIGHT


def test_no_box_covers_another_and_no_arrow_runs_backwards():
    tree = drawn(create_model("inception_small", input_shape=(8, 8, 1), num_outputs=2, width=4))
    boxes = []
    for box in (one for one in tree.iter() if one.get("class") == "layer"):
        rect = {key: float(box.find(f"{SVG}rect").get(key)) for key in ("x", "y", "width", "height")}
        boxes.append((rect["x"], rect["y"], rect["x"] + rect["width"], rect["y"] + rect["height"]))
    wide, high = float(tree.get("width")), float(tree.get("height"))
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= wide
        assert 0 <= top < bottom <= high
        assert not any(a < right and left < c and b < bottom and top < d for a, b, c, d in boxes[place + 1 :])
    for path in (one.get("d") for one in tree.iter() if one.get("class") == "arrow"):
        heights = [float(one) for one in re.findall(r"[,V](-?[\d.]+)", path)]
        assert heights == sorted(heights)


def test_a_layer_that_is_called_twice_is_one_box():
    x, shared = Input((4,), name="vector"), layers.Dense(4, name="shared")
    graph = graph_of(Model(x, layers.Add(name="sum")([x, shared(shared(x))])))
    assert [box.name for box in graph.boxes] == ["vector", "shared", "sum"]
    assert sorted(graph.arrows) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert "shared → shared" in unescape(svg(graph, "twice"))


def test_repetitions_are_drawn_once():
    graph = folded(graph_of(create_model("resnet32_cifar", input_shape=(8, 8, 1), num_outputs=2, width=4)))
    assert [(frame.times, frame.alike) for frame in graph.frames] == [(5, True), (4, True), (4, True)]
    for frame in graph.frames:
        kinds = [box.kind for box in graph.boxes[frame.first : frame.last + 1]]
        assert kinds == ["Conv2D 3x3", "BatchNormalization", "ReLU", "Conv2D 3x3", "BatchNormalization", "Add", "ReLU"]
    assert len(graph.boxes) == len(folded(graph_of(create_model("resnet20_cifar", input_shape=(8, 8, 1), num_outputs=2))).boxes) < 50
    reached = {0}
    for place in range(len(graph.boxes)):
        if place in reached:
            reached |= {end for start, end in graph.arrows if start == place}
    assert len(reached) == len(graph.boxes)


def dense_blocks(count, *, apart=True):
    """Layers that stand beside their input: `count` in each of three blocks, whose sizes grow."""
    boxes, arrows = [Box("InputLayer", "image", "3", 0)], []
    for layer in range(3 * count):
        before = len(boxes) - 1
        if apart and layer % count == 0:
            boxes.append(Box("AveragePooling2D", f"pool{layer}", f"{layer}", 0))
            arrows.append((before, before + 1))
            before += 1
        boxes += [Box("Conv2D 3x3", f"conv{layer}", f"{layer}", 9 * layer), Box("Concatenate", f"both{layer}", f"{layer}", 0)]
        arrows += [(before, before + 1), (before if apart else 0, before + 2), (before + 1, before + 2)]
    return Graph(boxes, arrows)


def test_what_differs_in_size_only_is_folded_where_there_is_too_much():
    assert folded(dense_blocks(8)).frames == []
    graph = folded(dense_blocks(40))
    assert [(frame.times, frame.alike) for frame in sorted(graph.frames, key=lambda one: one.first)] == [(40, False)] * 3
    assert [box.kind.split(" ")[0] for box in graph.boxes] == ["InputLayer", *["AveragePooling2D", "Conv2D", "Concatenate"] * 3]
    assert "40 times, in changing sizes" in svg(graph, "dense")


def test_a_short_model_is_not_folded():
    boxes = [Box("InputLayer", "vector", "4", 0), *(Box("Dense", f"dense{place}", "4", 20) for place in range(MANY))]
    arrows = [(place, place + 1) for place in range(MANY)]
    assert folded(Graph(boxes[:-1], arrows[:-1])).frames == []
    assert folded(Graph(boxes, arrows)).frames == [Frame(1, 1, MANY, True)]


def test_of_what_stays_too_long_the_middle_is_one_box():
    """Every sum takes the input: the model can be cut nowhere."""
    whole = dense_blocks(200, apart=False)
    graph = folded(whole)
    assert len(graph.boxes) == MOST + 1
    (rest,) = [box for box in graph.boxes if box.kind == "…"]
    assert rest.name == f"{len(whole.boxes) - MOST:,} more layers"
    assert sum(box.params for box in graph.boxes) == sum(box.params for box in whole.boxes)
    assert (graph.boxes[0].kind, graph.boxes[-1].name) == ("InputLayer", whole.boxes[-1].name)
    text = svg(graph, "long")
    assert rest.name in text
    assert len(text) < 800_000


def test_models_inside_have_drawings_of_their_own():
    encoder_input, code = Input((6,), name="vector"), Input((2,), name="z")
    encoder = Model(encoder_input, layers.Dense(2, name="narrow")(encoder_input), name="encoder")
    decoder = keras.Sequential([code, layers.Dense(6, name="wide")], name="decoder")
    x = Input((6,), name="vector")
    found = graphs_of(Model(x, decoder(encoder(x)), name="whole"))
    assert [title for title, _, _ in found] == ["whole", "encoder", "decoder"]
    assert [[(box.name, box.shape) for box in graph.boxes] for _, _, graph in found] == [
        [("vector", "6"), ("encoder", "2"), ("decoder", "6")],
        [("vector", "6"), ("narrow", "2")],
        [("z", "2"), ("wide", "6")],
    ]
    assert [graph.arrows for _, _, graph in found] == [[(0, 1), (1, 2)], [(0, 1)], [(0, 1)]]
    assert [box.model is not None for box in found[0][2].boxes] == [False, True, True]


class Wired(keras.Model):
    """Wired in code, which no graph tells."""

    def __init__(self, part):
        super().__init__(name="wired")
        self.part, self.out = part, layers.Dense(1, name="out")

    def call(self, x):
        return self.out(self.part(x))


def test_what_is_wired_in_code_shows_its_parts():
    x = Input((3,), name="vector")
    found = graphs_of(Wired(Model(x, layers.Dense(2, name="inner")(x), name="part")))
    assert [(title, [box.name for box in graph.boxes]) for title, _, graph in found] == [
        ("wired", ["part", "out"]),
        ("part", ["vector", "inner"]),
    ]
    assert found[0][2].arrows == []
    assert svg(found[0][2], "wired").count('class="layer"') == 2


@pytest.mark.parametrize(("name", "parts"), [("vae_dense", ["encoder", "decoder"]), ("gan_dense", ["generator", "discriminator"])])
def test_generative_models_show_their_networks(name, parts):
    found = graphs_of(create_model(name, input_shape=(8, 8, 1)))
    assert [title for title, _, _ in found] == [name, *parts]
    assert all(graph.arrows for _, _, graph in found)


def test_names_are_escaped():
    x = Input((3,), name="vector")
    model = Model(x, layers.Dense(1, name='<b>&"deep"')(x), name="<i>")
    text = svg(graph_of(model), model.name)
    assert "<b>" not in text
    assert ElementTree.fromstring(text) is not None
    assert '<b>&"deep"' in unescape(text)


@pytest.mark.parametrize(("name", "sections"), [("cnn_small", ["Drawing"]), ("resnet50", ["Drawing", "Drawing of backbone"])])
def test_the_page_holds_drawing_and_table(name, sections, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = write_page(name, [registry.entry(name)]).read_text("utf-8")
    assert re.findall("<h2>(Drawing.*)</h2>", page) == sections
    assert page.count("<svg ") == len(sections)
    assert re.search(r"<h2>\d+ layers</h2>", page)
    assert "src=" not in page
    assert "<script" not in page
    assert len(page) < 1_000_000
