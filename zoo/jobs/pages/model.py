"""A model's page: its settings, the drawing of its layers, and their table."""

from __future__ import annotations

from zoo.jobs.pages.layers_drawing import svg
from zoo.jobs.pages.layers_graph import Graph, folded, graphs_of
from zoo.jobs.pages.page import Page, Section
from zoo.registry import Entry


def of_model(entry: Entry) -> Page:
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
    graphs = [(title, graph) for title, _, graph in graphs_of(model)]
    sections = [Section("Settings", columns=("hparam", "default", "search space"), rows=hparams)]
    sections += [Section(_title(title, graph, title == model.name), drawing=svg(folded(graph), title)) for title, graph in graphs]
    rows = [row for title, graph in graphs for row in _rows("" if title == model.name else f"{title}/", graph)]
    sections.append(Section(f"{len(rows)} layers", columns=("layer", "kind", "takes", "output", "parameters"), rows=rows))
    return Page(entry.name, entry.summary, facts, sections)


def _title(title: str, graph: Graph, whole: bool) -> str:
    about = "Drawing" if whole else f"Drawing of {title}"
    return about if graph.arrows or len(graph.boxes) < 2 else f"{about}: its parts, which are wired in code"


def _rows(before: str, graph: Graph) -> list[tuple[str, str, str, str, int]]:
    """A row a layer, with the layers before it."""
    taken: dict[int, list[str]] = {}
    for start, end in sorted(graph.arrows):
        taken.setdefault(end, []).append(graph.boxes[start].name)
    return [
        (f"{before}{box.name}", box.kind, ", ".join(taken.get(place, [])), box.shape, box.params) for place, box in enumerate(graph.boxes)
    ]
