"""A graph of layers as SVG: ranks from top to bottom, branches side by side, as few crossings as a few sweeps find.

The way is Sugiyama's (Sugiyama et al. 1981): ranks by the longest path, empty places where an arrow passes a rank, an order within
each rank by the mean of the neighbours, then places as near to them as the neighbours in the rank allow.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from zoo.evaluation.examples import short
from zoo.jobs.pages.layers_graph import Box, Frame, Graph

HEIGHT, GAP, SIDE, EDGE = 48, 22, 18, 28  # of a box; between ranks; between boxes; around the drawing
LETTER, BOLD = 6.1, 1.12  # pixels of one, about, and how much wider a bold one is
WIDEST = 34  # letters of a name
SWEEPS = 8
COLOURS = {  # of the first kind that a class's name holds
    "Input": "#ffffff",
    "Model": "#ffe8a3",
    "Sequential": "#ffe8a3",
    "Conv": "#cfe3ff",
    "Dense": "#d8d4ff",
    "Embedding": "#d8d4ff",
    "Attention": "#ffd6c9",
    "LSTM": "#ffd6c9",
    "GRU": "#ffd6c9",
    "RNN": "#ffd6c9",
    "Pool": "#cdeed9",
    "Add": "#f7d9ee",
    "Concat": "#f7d9ee",
}
PLAIN = "#eef1f4"
THIN = 2.0  # width of a place that an arrow passes
HEAVY = 50.0  # how much more a box stays where it should than such a place does

Rows = list[list[int]]
Near = dict[int, list[int]]


def svg(graph: Graph, title: str) -> str:
    """The drawing; every box is a `<g>` and every arrow a `<path>` with a `<title>`."""
    lines = [_lines(box) for box in graph.boxes]
    widths = [max(80.0, 16 + LETTER * max(BOLD * len(kind), *map(len, others))) for kind, *others in lines]
    ahead = [(start, end) for start, end in graph.arrows if start < end]
    rows, chains, widths = _ranked(len(graph.boxes), ahead, widths)
    up, down = _neighbours(chains)
    x = _placed(_ordered(rows, up, down), up, down, widths)
    y = {vertex: EDGE + rank * (HEIGHT + GAP) for rank, row in enumerate(rows) for vertex in row}
    least = min(x[one] - widths[one] / 2 for one in x) - EDGE
    x = {one: place - least for one, place in x.items()}
    wide, high = max(x[one] + widths[one] / 2 for one in x) + EDGE, max(y.values()) + HEIGHT + EDGE
    frames = [_frame(one, x, y, widths) for one in graph.frames]
    wide = max([wide, *(right for _, right in frames)])
    parts = [drawn for drawn, _ in frames]
    parts += [_arrow(graph, chain, x, y) for chain in chains]
    parts += [_back(graph, start, end, x, y, widths) for start, end in graph.arrows if start >= end]
    parts += [_drawn(box, lines[place], x[place], y[place], widths[place]) for place, box in enumerate(graph.boxes)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" viewBox="0 0 {wide:.0f} {high:.0f}" role="img"'
    style = 'font-family="system-ui, sans-serif" font-size="11" fill="#1f2933"'
    marker = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    tip = f'<defs>{marker}<path d="M0,0.5 L8,4 L0,7.5 z" fill="#7b8794"/></marker></defs>'
    return f'{head} {style} aria-label="layers of {escape(title)}">{tip}{"".join(parts)}</svg>'


def _lines(box: Box) -> tuple[str, str, str]:
    """What stands in a box."""
    size = f"{box.params:,} parameters" if box.params else ""
    return box.kind, short(box.name, WIDEST), " · ".join(one for one in (short(box.shape, WIDEST), size) if one)


def _ranked(count: int, arrows: list[tuple[int, int]], widths: list[float]) -> tuple[Rows, list[list[int]], list[float]]:
    """The vertices of each rank, each arrow's vertices, and all widths. Vertices from `count` on are places that arrows pass."""
    before, behind = defaultdict(list), defaultdict(list)
    for start, end in arrows:
        before[end].append(start)
        behind[start].append(end)
    rank: dict[int, int] = {}
    for vertex in range(count):
        rank[vertex] = max((rank[one] + 1 for one in before[vertex]), default=0)
    for vertex in range(count):  # an input stands where it is taken
        if not before[vertex] and behind[vertex]:
            rank[vertex] = min(rank[one] for one in behind[vertex]) - 1
    order = _met(count, before, behind)
    widths, chains, kept = list(widths), [], {vertex: order[vertex, vertex] for vertex in range(count)}
    rows: Rows = [[] for _ in range(max(rank.values()) + 1)]
    for vertex in range(count):
        rows[rank[vertex]].append(vertex)
    for start, end in arrows:
        passed = range(len(widths), len(widths) + rank[end] - rank[start] - 1)
        for place, vertex in enumerate(passed, start=1):
            rows[rank[start] + place].append(vertex)
            kept[vertex] = order[start, end]
        widths += [THIN] * len(passed)
        chains.append([start, *passed, end])
    return [sorted(row, key=lambda vertex: kept[vertex]) for row in rows], chains, widths


def _met(count: int, before: Near, behind: Near) -> dict[tuple[int, int], int]:
    """When boxes (as pairs with themselves) and arrows are met on the ways back from the outputs: branches stand as they are taken."""
    order: dict[tuple[int, int], int] = {}
    waiting = [(one, one) for one in reversed(range(count)) if not behind[one]][::-1]
    while waiting:
        start, end = waiting.pop()
        order.setdefault((start, end), len(order))
        if (start, start) not in order or start == end:
            order.setdefault((start, start), len(order))
            waiting += [(one, start) for one in reversed(before[start]) if (one, start) not in order]
    return order


def _neighbours(chains: list[list[int]]) -> tuple[Near, Near]:
    up: Near = defaultdict(list)
    down: Near = defaultdict(list)
    for chain in chains:
        for start, end in pairwise(chain):
            up[end].append(start)
            down[start].append(end)
    return up, down


def _ordered(rows: Rows, up: Near, down: Near) -> Rows:
    """Each rank sorted by the mean place of its neighbours, downwards and upwards in turn; the order with fewest crossings."""
    best, fewest = [list(row) for row in rows], _crossings(rows, down)
    for sweep in range(SWEEPS):
        near = up if sweep % 2 == 0 else down
        for rank in range(len(rows)) if sweep % 2 == 0 else reversed(range(len(rows))):
            other = rows[rank - 1 if sweep % 2 == 0 else min(rank + 1, len(rows) - 1)]
            place = {vertex: number for number, vertex in enumerate(other)}
            own = {vertex: number for number, vertex in enumerate(rows[rank])}
            wanted = {vertex: _mean([place[one] for one in near[vertex] if one in place], own[vertex]) for vertex in own}
            rows[rank].sort(key=lambda vertex: wanted[vertex])
        crossings = _crossings(rows, down)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    for row, ordered in zip(rows, best, strict=True):
        row[:] = ordered
    return rows


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _crossings(rows: Rows, down: Near) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        place = {vertex: number for number, vertex in enumerate(lower)}
        ends: list[int] = []
        for vertex in upper:
            new = [place[one] for one in down[vertex]]
            total += sum(len(ends) - bisect_right(ends, one) for one in new)
            for one in new:
                insort(ends, one)
    return total


def _placed(rows: Rows, up: Near, down: Near, widths: list[float]) -> dict[int, float]:
    """Where the middle of each vertex stands: below and above its own kind first, so that boxes and arrows run straight."""
    x: dict[int, float] = {}
    for row in rows:
        x.update(_spread(row, [0.0] * len(row), widths))

    def around(vertex: int, sides: tuple[Near, ...]) -> list[float]:
        near = [one for side in sides for one in side[vertex]]
        alike = [one for one in near if (widths[one] == THIN) == (widths[vertex] == THIN)]
        return [x[one] for one in alike or near]

    for sweep in range(3 * SWEEPS):
        sides = ((up,), (down,))[sweep % 2] if sweep < 2 * SWEEPS else (up, down)
        for row in rows if sweep % 2 == 0 else reversed(rows):
            x.update(_spread(row, [_mean(around(vertex, sides), x[vertex]) for vertex in row], widths))
    return x


def _spread(row: list[int], wanted: list[float], widths: list[float]) -> dict[int, float]:
    """The places nearest to the wanted ones, in squares, at which the vertices keep their order and distance."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (widths[left] + widths[right]) / 2 + SIDE)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many; neighbours that would change places become one
    for vertex, value, offset in zip(row, wanted, offsets, strict=True):
        blocks.append((value - offset, 1.0 if widths[vertex] == THIN else HEAVY, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, first, count), (other, second, more) = blocks[-2:]
            blocks[-2:] = [((one * first + other * second) / (first + second), first + second, count + more)]
    values = [value for value, _, count in blocks for _ in range(count)]
    return {vertex: value + offset for vertex, value, offset in zip(row, values, offsets, strict=True)}


def _drawn(box: Box, lines: tuple[str, str, str], x: float, y: float, width: float) -> str:
    colour = next((colour for part, colour in COLOURS.items() if part in box.kind.split(" ")[0]), PLAIN)
    border = 'stroke="#8a6d00" stroke-width="1.6"' if box.model is not None else 'stroke="#b8c2cc"'
    about = escape(f"{box.kind} {box.name}: {box.shape}, {box.params:,} parameters")
    shape = f'<rect x="{x - width / 2:.0f}" y="{y}" width="{width:.0f}" height="{HEIGHT}" rx="4" fill="{colour}" {border}/>'
    styles = ('font-weight="600"', "", 'fill="#52606d"')
    text = [f'<tspan x="{x:.0f}" dy="14" {style}>{escape(line)}</tspan>' for line, style in zip(lines, styles, strict=True)]
    return f'<g class="layer"><title>{about}</title>{shape}<text y="{y}" text-anchor="middle">{"".join(text)}</text></g>'


def _arrow(graph: Graph, chain: list[int], x: dict[int, float], y: dict[int, int]) -> str:
    path = f"M{x[chain[0]]:.0f},{y[chain[0]] + HEIGHT}"
    for start, end in pairwise(chain):
        middle = y[end] - GAP // 2
        if abs(x[start] - x[end]) >= 1:
            path += f" V{y[start] + HEIGHT} C{x[start]:.0f},{middle} {x[end]:.0f},{middle} {x[end]:.0f},{y[end]}"
    path += f" V{y[chain[-1]]}"
    return _path(graph, chain[0], chain[-1], path, "")


def _back(graph: Graph, start: int, end: int, x: dict[int, float], y: dict[int, int], widths: list[float]) -> str:
    """The arrow of a layer that is called again, on what was made of its first answer."""
    right, top = x[start] + widths[start] / 2, x[end] + widths[end] / 2
    far = max(right, top) + SIDE
    path = f"M{right:.0f},{y[start] + HEIGHT - 8} C{far:.0f},{y[start] + HEIGHT - 8} {far:.0f},{y[end] + 8} {top:.0f},{y[end] + 8}"
    return _path(graph, start, end, path, ' stroke-dasharray="4 3"')


def _path(graph: Graph, start: int, end: int, path: str, style: str) -> str:
    about = escape(f"{graph.boxes[start].name} → {graph.boxes[end].name}")
    return f'<path class="arrow" d="{path}" fill="none" stroke="#7b8794"{style} marker-end="url(#tip)"><title>{about}</title></path>'


def _frame(frame: Frame, x: dict[int, float], y: dict[int, int], widths: list[float]) -> tuple[str, float]:
    """A dashed border around what is repeated, with how often beside it, and where that ends."""
    tops = [y[place] for place in range(frame.first, frame.last + 1)]
    top, bottom = min(tops) - 7, max(tops) + HEIGHT + 7
    inside = [one for one in x if top < y[one] < bottom]
    left, right = min(x[one] - widths[one] / 2 for one in inside) - 10, max(x[one] + widths[one] / 2 for one in inside) + 10
    shape = f'<rect x="{left:.0f}" y="{top}" width="{right - left:.0f}" height="{bottom - top}" rx="8" fill="#f7f9fb" stroke="#9aa5b1"'
    says = f"{frame.times} times" if frame.alike else f"{frame.times} times, in changing sizes"
    text = f'<text x="{right + 6:.0f}" y="{top + 14}" fill="#52606d">{says}</text>'
    return f'<g class="frame">{shape} stroke-dasharray="5 4"/>{text}</g>', right + LETTER * len(says) + EDGE
