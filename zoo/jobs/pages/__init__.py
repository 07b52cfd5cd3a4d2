"""`zoo show NAME --html`: a model's layers, a dataset's samples and distributions, as one self-contained page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo.config import Card, Experiment
from zoo.errors import ZooError
from zoo.jobs.pages.page import Page
from zoo.registry import Entry
from zoo.runs import write_text

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
{% if section.drawing %}<div class="wide">{{ section.drawing | safe }}</div>{% endif %}
{% if section.rows %}<div class="wide"><table><tr>{% for name in section.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in section.rows %}<tr>{% for cell in row %}<td{% if cell is number %} class="number"{% endif %}>
{{- "{:,}".format(cell) if cell is integer else cell -}}</td>{% endfor %}</tr>{% endfor %}</table></div>{% endif %}
{% endfor %}{% endfor %}
</body></html>
"""


def write_page(name: str, things: list[Any]) -> Path:
    """Writes NAME.html into the working folder, of the models and the cards among `things`.

    Raises:
        ZooError: there is none among them, or the data of a card cannot be had.
    """
    import matplotlib

    from zoo.jobs.pages.data import of_card
    from zoo.jobs.pages.model import of_model

    with matplotlib.rc_context({"text.parse_math": False}):  # a class may be named $5
        parts = [of_model(one) if isinstance(one, Entry) else of_card(one) for one in things if isinstance(one, (Entry, Card))]
    if not parts:
        raise ZooError(f"--html shows models and datasets, and '{name}' is neither", "a run has its report.html")
    return _written(Path(f"{Path(name).stem}.html"), name, parts)


def write_augmented(name: str, things: list[Any]) -> Path:
    """Writes NAME.augment.html into the working folder: what augmentation makes of the cards and experiments among `things`.

    Raises:
        ZooError: as `augmented`.
    """
    cards = augmented(name, things)
    from zoo.jobs.pages.augmented import of_card

    return _written(Path(f"{Path(name).stem}.augment.html"), name, [of_card(card) for card in cards])


def augmented(name: str, things: list[Any]) -> list[Card]:
    """The cards with augmentation among `things`; an experiment's has what the experiment says. Raises ZooError where none has any."""
    cards = [one.card if isinstance(one, Experiment) else one for one in things if isinstance(one, (Card, Experiment))]
    if not cards:
        raise ZooError(f"--augment shows datasets and experiments, and '{name}' is neither")
    found = [card for card in cards if card.augment]
    if not found:
        raise ZooError(
            f"'{name}' has no augment", "write its steps into the card or the experiment, as augment: [flip, {name: crop, padding: 4}]"
        )
    return found


def _written(path: Path, name: str, parts: list[Page]) -> Path:
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    write_text(path, environment.from_string(TEMPLATE).render(title=name, parts=parts))
    return path
