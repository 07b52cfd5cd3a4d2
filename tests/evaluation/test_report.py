"""The figures and the page: whole, self-contained, escaped, and rendered by a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from zoo.evaluation import figures
from zoo.evaluation.drawing import inline
from zoo.evaluation.page import number

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FIGURES = {
    "digits": {"learning_curves.svg", "confusion.svg", "calibration.svg", "examples.png"},
    "binary": {"learning_curves.svg", "confusion.svg", "calibration.svg", "roc.svg", "precision_recall.svg"},
    "values": {"learning_curves.svg", "residuals.svg"},
    "hostile": {"learning_curves.svg", "confusion.svg", "calibration.svg"},
}


class Page(HTMLParser):
    """The tags, the text outside of scripts and styles, and the addresses of resources."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for key, value in attrs:
            if key in ("src", "href", "xlink:href", "data", "srcset", "poster") and tag != "a":
                self.resources.append(value)
            if key == "id":
                self.ids.append(value)
            assert not key.startswith("on"), f"{tag} has {key}"

    def handle_data(self, data):
        self.text += data


def page(run) -> Page:
    return Page((run.path / "report.html").read_text("utf-8"))


@pytest.mark.parametrize("name", FIGURES)
def test_each_task_has_its_figures_and_each_opens(name, request):
    folder = request.getfixturevalue(name).path / "figures"
    assert {path.name for path in folder.iterdir()} == FIGURES[name]
    for path in folder.iterdir():
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        else:
            assert np.asarray(Image.open(path).convert("L")).std() > 20


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_loads_nothing_and_every_metric_stands_there(name, request):
    run = request.getfixturevalue(name)
    text, found = (run.path / "report.html").read_text("utf-8"), page(run)
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert all(one.startswith(("data:", "#")) for one in found.resources)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "default-src 'none'" in text
    assert len(found.ids) == len(set(found.ids)), "an id stands twice"
    for key, value in run.metrics["test"].items():
        if key == "top_5_accuracy" and len(run.reading["classes"]) <= 5:
            assert key not in found.text
        elif not isinstance(value, (dict, list)):
            assert key in found.text
            assert number(value) in found.text
    for word in (run.name, run.id, run.card.licence, run.data["fingerprint"], f"zoo export {run.path}", "keras", "adamw"):
        assert word in found.text


def test_it_says_how_to_go_on_and_what_the_loss_is(digits, values, hostile):
    said = (page(digits).text, page(values).text)
    assert "log_loss before the temperature" in said[0]
    assert "mse of the standardised target" in said[1]
    for run, text in zip((digits, values), said, strict=True):
        assert f"zoo predict {run.path} " in text
        assert "docker" not in text
    (file,) = hostile.data["files"]
    assert f"<dt>file</dt><dd>{file}, sha256 " in (hostile.path / "report.html").read_text("utf-8")  # a path is too long for a label


def test_goal_met_and_missed(digits, binary, hostile):
    assert "✗ goal missed: test.accuracy >= 0.9999" in page(digits).text
    assert "✓ goal met: test.roc_auc >= 0.5" in page(binary).text
    assert "goal" not in page(hostile).text


def test_what_the_user_wrote_is_text_and_not_markup(hostile):
    found = page(hostile)
    for word in ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<b>size</b>", "<u>none</u>", "$5 & $6", "ぁ", "{{ 7 * 7 }}"):
        assert word in found.text
    assert "img" not in found.tags  # a table has no pictures
    assert "javascript:" not in "".join(found.resources)
    assert "<a " not in (hostile.path / "report.html").read_text("utf-8")


def test_the_worst_mistakes_come_first(digits, values):
    import pandas as pd

    table = pd.read_parquet(digits.path / "predictions.parquet").query("split == 'test' and label != target")
    shown = re.findall(r'<figure( class="wrong")?>\s*<img[^>]*alt="row (\d+)', (digits.path / "report.html").read_text("utf-8"))
    wrong = [int(row) for mark, row in shown if mark]
    assert len(wrong) == min(len(table), 24) > 0
    assert [bool(mark) for mark, _ in shown] == [True] * len(wrong) + [False] * (len(shown) - len(wrong))
    assert set(wrong) <= set(table["id"])
    table = pd.read_parquet(values.path / "predictions.parquet").query("split == 'test'")
    worst = (table["target"] - table["value"]).abs().to_numpy().argmax()
    first = re.search(r"<tr><td>(\d+)</td>", (values.path / "report.html").read_text("utf-8"))
    assert int(first[1]) == table["id"].iloc[worst]


def test_a_drawing_takes_the_pages_colours(digits):
    drawn = digits.path / "figures" / "confusion.svg"
    assert figures.ACCENT in drawn.read_text()
    markup = inline(drawn)
    assert "var(--accent)" in markup
    assert not any(colour in markup for colour in figures.COLOURS.values())
    assert "font-family" not in markup
    ElementTree.fromstring(markup)


@pytest.mark.parametrize("classes", [2, 20, 21, 300])
def test_a_confusion_matrix_of_many_classes_stays_readable(classes):
    counts = np.diag(np.arange(1, classes + 1)) + np.eye(classes, k=1, dtype=int)
    part = SimpleNamespace(metrics={"confusion": counts.tolist()})
    names = [f"a long name of class {index}" for index in range(classes)]
    judged = SimpleNamespace(test=part, data=SimpleNamespace(classes=names, card=SimpleNamespace(multilabel=False)))
    with figures.matplotlib.rc_context(figures.STYLE):
        axes = figures.confusion(judged).axes[0]
    assert len(axes.texts) == (0 if classes > 20 else np.count_nonzero(counts))
    assert len(axes.get_xticks()) <= 40
    assert max(len(label.get_text()) for label in axes.get_xticklabels()) <= 14


def test_numbers_are_written_to_be_read():
    assert [number(one) for one in (None, 0.98765, 0.0, 12.345, 1234.5, 0.00004, -0.25)] == [
        "–", "0.988", "0.000", "12.3", "1,234", "4.0e-05", "-0.250",
    ]  # fmt: skip


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize("name", ["digits", "hostile"])
def test_a_browser_renders_it(name, request, tmp_path):
    run = request.getfixturevalue(name)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}"]
    address, picture = f"file://{run.path / 'report.html'}", tmp_path / "page.png"
    shot = [CHROMIUM, *options, "--window-size=1200,2400", f"--screenshot={picture}", address]
    subprocess.run(shot, check=True, capture_output=True, timeout=120)
    pixels = np.asarray(Image.open(picture).convert("L"))
    assert pixels.shape == (2400, 1200)
    assert pixels[:, 100:1100].std() > 10, "the page is blank"
    dumped = subprocess.run([CHROMIUM, *options, "--dump-dom", address], check=True, capture_output=True, timeout=120, text=True).stdout
    found = Page(dumped)
    assert number(run.metrics["test"]["f1_macro"]) in found.text
    assert "script" not in found.tags
    assert found.tags.count("svg") == 3
