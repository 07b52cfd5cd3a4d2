"""`zoo show NAME --html`: a model's layers, a dataset's samples and distributions, as one self-contained page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.config import Card
from zoo.errors import ZooError
from zoo.registry import Entry
from zoo.runs import write_text

if TYPE_CHECKING:
    import keras
    import numpy as np
    from matplotlib.figure import Figure

    from zoo.data import Dataset

SAMPLES = 40
SHOWN_COLUMNS = 30  # more drawings than that tell nobody anything
SHOWN_VALUES = 8  # of a category
INK, BAR = "#1f2933", "#3b7dd8"

TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; font-size: 1.1rem; } p.lead { color: #52606d; margin-top: .2rem; }
table { border-collapse: collapse; font-size: .9rem; } th { text-align: left; color: #52606d; font-weight: 600; }
th, td { padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid #e4e7eb; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } .wide { overflow-x: auto; }
</style></head><body>
{% for part in parts %}
<h1>{{ part.title }}</h1><p class="lead">{{ part.lead }}</p>
<table>{% for name, value in part.facts %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>{% endfor %}</table>
{% for section in part.sections %}
<h2>{{ section.title }}</h2>
{% if section.image %}<img alt="{{ section.title }}" src="data:image/png;base64,{{ section.image }}">{% endif %}
{% if section.rows %}<div class="wide"><table><tr>{% for name in section.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in section.rows %}<tr>{% for cell in row %}<td{% if cell is number %} class="number"{% endif %}>
{{- "{:,}".format(cell) if cell is integer else cell -}}</td>{% endfor %}</tr>{% endfor %}</table></div>{% endif %}
{% endfor %}{% endfor %}
</body></html>
"""


@dataclass
class Section:
    """A heading with a picture or a table below it."""

    title: str
    image: str = ""
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass
class Page:
    """One thing that bears the name."""

    title: str
    lead: str
    facts: list[tuple[str, str]]
    sections: list[Section]


def write_page(name: str, things: list[Any]) -> Path:
    """Writes NAME.html into the working folder, of the models and the cards among `things`.

    Raises:
        ZooError: there is none among them, or the data of a card cannot be had.
    """
    import jinja2
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}):  # a class may be named $5
        parts = [_model(one) if isinstance(one, Entry) else _card(one) for one in things if isinstance(one, (Entry, Card))]
    if not parts:
        raise ZooError(f"--html shows models and datasets, and '{name}' is neither", "a run has its report.html")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    path = Path(f"{Path(name).stem}.html")
    write_text(path, environment.from_string(TEMPLATE).render(title=name, parts=parts))
    return path


def _model(entry: Entry) -> Page:
    from zoo import registry

    model = registry.create_model(entry.name, **entry.example)
    facts = [
        ("paper", entry.paper or "-"),
        ("parameters", f"{model.count_params():,}"),
        ("FLOPs", f"{entry.flops:,}" if entry.flops else "-"),
        ("tasks", ", ".join(entry.tasks)),
        ("exports", ", ".join(entry.exports)),
        ("built with", ", ".join(f"{key} = {value}" for key, value in entry.example.items())),
    ]
    hparams = [(name, str(value), ", ".join(map(str, entry.space.get(name, [])))) for name, value in entry.hparams.items()]
    layers = [(layer.name, type(layer).__name__, _inputs(layer), _shape(layer.output), layer.count_params()) for layer in model.layers]
    sections = [
        Section("Settings", columns=("hparam", "default", "search space"), rows=hparams),
        Section(f"{len(layers)} layers", columns=("layer", "kind", "takes", "output", "parameters"), rows=layers),
    ]
    return Page(entry.name, entry.summary, facts, sections)


def _inputs(layer: keras.Layer) -> str:
    """The names of the layers before a layer."""
    nodes = layer._inbound_nodes[:1]
    return ", ".join(tensor._keras_history.operation.name for node in nodes for tensor in node.input_tensors)


def _shape(output: Any) -> str:
    outputs = output if isinstance(output, (list, tuple)) else [output]
    return "; ".join("x".join("batch" if size is None else str(size) for size in one.shape) for one in outputs)


def _card(card: Card) -> Page:
    from zoo.data import prepare

    data = prepare(card)
    facts = [
        ("holds", data.describe()),
        ("target", card.target.name + (f" ({card.target.unit})" if card.target.unit else "")),
        ("licence", card.licence),
        ("homepage", card.homepage or "-"),
        ("citation", card.citation or "-"),
    ]
    sections = [Section("Target, by split", _target(data))]
    if card.image:
        sections.append(Section(f"{SAMPLES} of the training images", _images(data)))
    else:
        features = data.raw.take(data.rows["train"])
        numbers = {name: values for name, values in features.items() if values.dtype.kind == "f"}
        categories = {name: values for name, values in features.items() if name not in numbers}
        sections += [
            Section("Columns of the training split", columns=("column", "type", "missing", "different values"), rows=_columns(features)),
            Section("Numbers of the training split", _histograms(numbers)),
            Section("Categories of the training split", _bars(categories)),
            _rows(data),
        ]
    return Page(card.name, card.title, facts, [one for one in sections if one.image or one.rows])


def _target(data: Dataset) -> str:
    """Shares of the classes, or the values' distribution, of each split."""
    import numpy as np

    from zoo.data import preprocess

    figure, axes = _figure(9, 3)
    for index, (name, rows) in enumerate(data.rows.items()):
        y = data.raw.target[rows]
        if data.classes:
            codes = preprocess.encode_target(data.spec, y)
            shares = np.bincount(codes, minlength=len(data.classes)) / len(codes)
            axes.bar(np.arange(len(shares)) + 0.27 * (index - 1), shares, 0.25, label=name, color=BAR, alpha=1 - 0.3 * index)
        else:
            axes.hist(
                y,
                bins=np.histogram_bin_edges(data.raw.target, 20),
                density=True,
                histtype="step",
                label=name,
                color=BAR,
                alpha=1 - 0.3 * index,
            )
    if data.classes:
        axes.set_xticks(range(len(data.classes)), data.classes, rotation=30 if max(map(len, data.classes)) > 4 else 0, ha="right")
        axes.set_ylabel("share of rows")
    figure.legend(frameon=False, loc="outside upper right", ncols=3)
    return _png(figure)


def _images(data: Dataset) -> str:
    import numpy as np
    from matplotlib.figure import Figure

    rows = data.rows["train"][np.linspace(0, len(data.rows["train"]) - 1, SAMPLES, dtype=int)]
    figure = Figure(figsize=(10, 1.25 * SAMPLES / 10), layout="constrained")
    low, high = data.card.image.range if data.card.image else (0, 1)
    for place, (row, label) in enumerate(zip(rows, _labels(data, rows), strict=True)):
        axes = figure.add_subplot(SAMPLES // 10, 10, place + 1)
        image = (data.raw.features["image"][row] - low) / (high - low)
        axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1)
        axes.set_title(label, fontsize=8, color=INK)
        axes.set_axis_off()
    return _png(figure)


def _columns(features: Mapping[str, np.ndarray]) -> list[tuple[Any, ...]]:
    """Type, missing cells and different values of each column."""
    import numpy as np

    rows: list[tuple[Any, ...]] = []
    for name, values in features.items():
        number = values.dtype.kind == "f"
        gone = np.isnan(values) if number else values == ""
        rows.append((name, "number" if number else "category", int(gone.sum()), len(np.unique(values[~gone]))))
    return rows


def _histograms(numbers: dict[str, np.ndarray]) -> str:
    """A histogram a column of numbers."""
    import numpy as np

    return _small_figures(numbers, 1.7, lambda axes, values: axes.hist(values[~np.isnan(values)], bins=24, color=BAR))


def _bars(categories: dict[str, np.ndarray]) -> str:
    """A bar a value, the most frequent at the top; missing cells are one of them."""
    import numpy as np

    def draw(axes: Any, values: np.ndarray) -> None:
        names, counts = np.unique(values, return_counts=True)
        often = np.argsort(-counts, kind="stable")[:SHOWN_VALUES][::-1]
        axes.barh(range(len(often)), counts[often], color=BAR)
        axes.set_yticks(range(len(often)), [_short(str(names[one]), 14) or "(missing)" for one in often])

    return _small_figures(categories, 2.2, draw)


def _small_figures(columns: dict[str, np.ndarray], height: float, draw: Callable[[Any, np.ndarray], Any]) -> str:
    """A small drawing a column, five a line."""
    from matplotlib.figure import Figure

    shown = list(columns.items())[:SHOWN_COLUMNS]
    if not shown:
        return ""
    lines = -(-len(shown) // 5)
    figure = Figure(figsize=(10, height * lines), layout="constrained")
    for place, (name, values) in enumerate(shown):
        axes = figure.add_subplot(lines, 5, place + 1)
        axes.set_yticks([])
        draw(axes, values)
        axes.set_title(_short(name, 25), fontsize=8, color=INK)
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return _png(figure)


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _rows(data: Dataset) -> Section:
    """The first training rows as they stand in the source."""
    rows = data.rows["train"][:10]
    names = tuple(data.card.columns or {})
    labels = _labels(data, rows)
    cells = [[*(_cell(data.raw.features[name][row]) for name in names), label] for row, label in zip(rows, labels, strict=True)]
    return Section("First training rows", columns=(*names, data.card.target.name), rows=[tuple(one) for one in cells])


def _labels(data: Dataset, rows: np.ndarray) -> list[str]:
    """The target of rows as a person reads it: its class's name, or the value."""
    from zoo.data import preprocess

    target = data.raw.target[rows]
    return [data.classes[code] for code in preprocess.encode_target(data.spec, target)] if data.classes else [_cell(one) for one in target]


def _cell(value: Any) -> str:
    return f"{value:g}" if hasattr(value, "dtype") and value.dtype.kind == "f" else str(value)


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return base64.b64encode(file.getvalue()).decode()
