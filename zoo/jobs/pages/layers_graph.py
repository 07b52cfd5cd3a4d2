"""A model as boxes and arrows: what stands in its drawing, and what a long repetition is folded to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

MANY = 40  # boxes, above which repetitions are folded
TOO_MANY = 100  # above which blocks are taken for repetitions that differ in their sizes
MOST = 240  # that are drawn at all
TAIL = 40  # of them at the end
PERIOD = 24  # segments that one repetition has at most
LEAST = {True: 3, False: 8}  # boxes that a frame saves, of repetitions that are alike and of others


@dataclass(frozen=True)
class Box:
    """A layer, or an operation between layers. `model` is the model inside where it is one, which has a drawing of its own."""

    kind: str
    name: str
    shape: str
    params: int
    model: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Frame:
    """Boxes `first` to `last` stand for `times` repetitions; `alike` says whether these have the same sizes."""

    first: int
    last: int
    times: int
    alike: bool


@dataclass
class Graph:
    """Boxes in the order of the data, arrows between their places in the order of what a layer takes, frames around repetitions."""

    boxes: list[Box]
    arrows: list[tuple[int, int]]
    frames: list[Frame] = field(default_factory=list)


def graphs_of(model: keras.Model) -> list[tuple[str, keras.Model, Graph]]:
    """The title, the model and the graph of a model and of each one inside it, the outermost first."""
    waiting, seen, found = [(model.name, model)], {id(model)}, []
    while waiting:
        title, one = waiting.pop(0)
        found.append((title, one, graph_of(one)))
        for inner in parts_of(one):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append((inner.name if one is model else f"{title}/{inner.name}", inner))
    return found


def parts_of(model: keras.Model) -> list[keras.Model]:
    """The models inside: those among its layers, and those that only its training uses, as a discriminator."""
    import keras

    return [one for one in dict.fromkeys([*_operations(model), *model._layers]) if isinstance(one, keras.Model)]


def graph_of(model: keras.Model) -> Graph:
    """The graph of a model as it is; of one that is wired in code, which no graph tells, its layers without arrows."""
    network = _network(model)
    if network is None:
        return Graph([_box(one, []) for one in model.layers], [])
    nodes = [node for depth in sorted(network._nodes_by_depth, reverse=True) for node in network._nodes_by_depth[depth]]
    given: dict[Any, list[Any]] = {}
    for node in nodes:
        given.setdefault(node.operation, []).extend(node.outputs)
    places = {operation: place for place, operation in enumerate(given)}
    arrows = [(places[one._keras_history.operation], places[node.operation]) for node in nodes for one in node.input_tensors]
    return Graph([_box(operation, outputs) for operation, outputs in given.items()], list(dict.fromkeys(arrows)))


def _network(model: keras.Model) -> Any:
    """What holds a model's nodes: itself, or within a Sequential its functional twin."""
    network = getattr(model, "_functional", None) or model
    return network if hasattr(network, "_nodes_by_depth") else None


def _operations(model: keras.Model) -> list[Any]:
    network = _network(model)
    return list(network.operations) if network is not None else list(model.layers)


def _box(operation: Any, outputs: Iterable[Any]) -> Box:
    import keras

    shapes = dict.fromkeys("x".join("?" if size is None else str(size) for size in one.shape[1:]) or "1" for one in outputs)
    counted = operation.count_params() if isinstance(operation, keras.layers.Layer) and operation.built else 0
    inside = operation if isinstance(operation, keras.Model) else None
    return Box(_kind(operation), operation.name, ", ".join(shapes), counted, inside)


def _kind(operation: Any) -> str:
    """Its class, with what a reader of the paper looks for: the kernel and the stride."""
    kind = type(operation).__name__
    if kind == "Functional":
        return "Model"
    sizes = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
    if not isinstance(sizes, tuple):
        return kind
    strides = getattr(operation, "strides", None)
    stride = max(strides) if isinstance(strides, tuple) else 1
    return f"{kind} {'x'.join(map(str, sizes))}" + (f" /{stride}" if stride > 1 else "")


def folded(graph: Graph) -> Graph:
    """A graph that can be read: repetitions are drawn once, and of what is still too long the middle is one box."""
    if len(graph.boxes) <= MANY:
        return graph
    alike = _fold(graph, alike=True)
    if len(alike.boxes) > TOO_MANY:
        blocks = _fold(graph, alike=False)
        alike = blocks if len(blocks.boxes) < len(alike.boxes) else alike
    return _capped(alike)


def _fold(graph: Graph, alike: bool) -> Graph:
    """Draws the first of each run of equal groups of segments."""
    segments = _segments(graph)
    signs = [_sign(graph, one, alike) for one in segments]
    stands_for = list(range(len(graph.boxes)))
    runs: list[tuple[int, int, int]] = []
    for place, period, times in _runs(signs, segments, LEAST[alike]):
        for number in range(period * times):
            own, first = segments[place + number], segments[place + number % period]
            for box, shown in zip(own, first, strict=True):
                stands_for[box] = shown
        runs.append((segments[place][0], segments[place + period - 1][-1], times))
    return _shown(graph, stands_for, runs, alike)


def _runs(signs: list[tuple[Any, ...]], segments: list[list[int]], least: int) -> list[tuple[int, int, int]]:
    """(place, period, times) of the repetitions that save enough boxes, those first taken that stand most often."""
    found = [(place, *_repeated(signs, segments, place, least)) for place in range(len(signs))]
    taken: list[tuple[int, int, int]] = []
    free = [True] * len(signs)
    for place, period, times in sorted(found, key=lambda one: -one[2]):
        end = place + period * times
        if times < 2 or not all(free[place:end]):
            continue
        while end < len(signs) and free[end] and signs[place] == signs[end]:
            place, end = place + 1, end + 1  # the same run one segment later: a block then ends where the run does
        free[place:end] = [False] * (end - place)
        taken.append((place, period, times))
    return taken


def _shown(graph: Graph, stands_for: list[int], runs: list[tuple[int, int, int]], alike: bool) -> Graph:
    """The graph of the boxes that stand for themselves; an arrow from a repetition to the next is left away."""
    kept = [box for box, shown in enumerate(stands_for) if box == shown]
    new = {box: place for place, box in enumerate(kept)}
    known = set(graph.arrows)
    arrows = dict.fromkeys((stands_for[start], stands_for[end]) for start, end in graph.arrows)
    told = [(new[start], new[end]) for start, end in arrows if start < end or (start, end) in known]
    frames = [Frame(new[first], new[last], times, alike) for first, last, times in runs]
    return Graph([graph.boxes[box] for box in kept], told, frames)


def _segments(graph: Graph) -> list[list[int]]:
    """The boxes, cut behind each that every path goes through."""
    reach = list(range(len(graph.boxes)))
    ends = {end for _, end in graph.arrows}
    for start, end in graph.arrows:
        reach[start] = max(reach[start], end)
    found, segment, furthest = [], [], 0
    last_source = max(place for place in range(len(graph.boxes)) if place not in ends)
    for place in range(len(graph.boxes)):
        segment.append(place)
        if furthest <= place and place >= last_source:
            found.append(segment)
            segment = []
        furthest = max(furthest, reach[place])
    return [*found, segment] if segment else found


def _sign(graph: Graph, segment: list[int], alike: bool) -> tuple[Any, ...]:
    """What makes two segments equal: their kinds of layers, their arrows, and their sizes if asked for."""
    first = segment[0]
    inside = set(segment)
    arrows = sorted((start - first, end - first) for start, end in graph.arrows if end in inside and start in inside)
    entries = sorted(end - first for start, end in graph.arrows if end in inside and start not in inside)
    boxes = [graph.boxes[place] for place in segment]
    return (*((one.kind, *((one.shape, one.params) if alike else ())) for one in boxes), tuple(arrows), tuple(entries))


def _repeated(signs: list[tuple[Any, ...]], segments: list[list[int]], place: int, least: int) -> tuple[int, int]:
    """The period that stands here most often, and how often, if drawing it once saves enough boxes."""
    best = (1, 1)
    for period in range(1, min(PERIOD, (len(signs) - place) // 2) + 1):
        group, times = signs[place : place + period], 1
        while signs[place + times * period : place + (times + 1) * period] == group:
            times += 1
        saved = (times - 1) * sum(map(len, segments[place : place + period]))
        if times > best[1] and saved >= least:
            best = (period, times)
    return best


def _capped(graph: Graph) -> Graph:
    """The beginning and the end of what is still too long, and a box for the rest."""
    count = len(graph.boxes)
    if count <= MOST:
        return graph
    head, tail = MOST - TAIL, count - TAIL

    def new(place: int) -> int:
        return min(place, head) if place < tail else place - tail + head + 1

    rest = Box("…", f"{tail - head:,} more layers", "in the table below", sum(one.params for one in graph.boxes[head:tail]))
    arrows = dict.fromkeys((new(start), new(end)) for start, end in graph.arrows if new(start) != new(end))
    frames = [Frame(new(one.first), new(one.last), one.times, one.alike) for one in graph.frames if one.last < head or one.first >= tail]
    return Graph([*graph.boxes[:head], rest, *graph.boxes[tail:]], list(arrows), frames)
