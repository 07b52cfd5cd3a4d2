"""A search's page: what it says in each state, escaped, the same every time, and drawn by a browser."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from types import SimpleNamespace

import made_search
import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from zoo.config.space import Axis, Space
from zoo.evaluation.drawing import WIDTH
from zoo.evaluation.style import COLOURS, STYLE
from zoo.runs import locked
from zoo.tuning import figures, report, told
from zoo.tuning.folder import SearchFolder, best_of
from zoo.tuning.importance import FEWEST, Importance, importance
from zoo.tuning.trials import COMPLETED, FAILED, RUNNING, Trial

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The tags, the text outside of scripts and styles, and the addresses of resources."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self.feed(text)
        self.text = " ".join(self.words.split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.words += " "
        self.ids += [value for key, value in attrs if key == "id"]
        self.resources += [value for key, value in attrs if key in ("src", "href", "xlink:href", "data", "srcset", "poster")]
        assert not any(key.startswith("on") for key, _ in attrs)

    def handle_data(self, data):
        self.words += data


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = made_search.finished(tmp_path_factory.mktemp("searches"))
    report.write_report(folder)
    return folder


def text_of(folder: SearchFolder) -> str:
    return Page(report.render(folder)).text


def test_the_page_tells_the_search_and_loads_nothing(done):
    text = (done.path / "report.html").read_text("utf-8")
    page = Page(text)
    assert not {"script", "link", "img", "a"} & set(page.tags)
    assert all(one.startswith("#") for one in page.resources)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "default-src 'none'" in text
    assert len(page.ids) == len(set(page.ids)), "an id stands twice"
    assert page.tags.count("svg") == 4
    assert "40 trials over 8 settings of digits_cnn on digits for the highest val.accuracy, proposed by bayesian" in page.text
    assert told.made(told.summary(done)["trials"]) in page.text
    for word in (
        done.path.name,
        *done.keys,
        "1e-05 to 0.1, by its logarithm",
        "16 to 128, step 16",
        "relu, gelu, tanh",
        "at most 40 trials",
    ):
        assert word in page.text
    assert f"zoo run {done.path / 'best.yaml'}" in page.text
    assert made_search.KILLED in page.text
    assert "trials/0009/trial.log" in page.text


def test_it_says_what_the_winner_is_worth(done):
    text, winner = text_of(done), done.facts["winner"]
    assert f"chose trial {winner['number']} because its val.accuracy of {told.score(winner['score'])} was the best of" in text
    assert f"with 3 fresh seeds it reaches {told.score(winner['mean'])} ± 0.0040, so the search's score was flattering by 0.0083." in text
    for seed, score in winner["seeds"].items():
        assert f"seed {seed}: {score:.4g}" in text
    assert "accuracy ↑ 0.974 0.101 f1_macro ↑ 0.974 – log_loss ↓ 0.079 2.303 loss ↓ 0.080 2.303" in text
    assert "majority class, test" in text
    best = best_of(done.trials(), 1)
    assert f"train.optimizer.learning_rate 0.003 {best.values[made_search.RATE]:.4g}" in text  # beside the experiment's own
    own = {key: report._own(done, key) for key in done.keys}
    assert own["model.name"] == "cnn_small"
    assert own["model.dropout"] == 0.3
    assert own["model.hidden"] is report.MISSING


def test_a_winner_that_was_not_lucky_is_not_said_to_be(tmp_path):
    folder = made_search.finished(tmp_path, 10)
    folder.mark(winner={**folder.facts["winner"], "optimism": -0.01})
    text = text_of(folder)
    assert "so here the search's score did not flatter." in text
    assert "no luck was in it" in text


def test_it_can_be_made_at_any_time(tmp_path):
    folder = made_search.empty(tmp_path)
    assert "No trial was started yet." in text_of(folder)
    point = {"model.name": "mlp", "model.hidden": [32], "model.activation": "relu", "model.batch_norm": True}
    point |= {made_search.RATE: 1e-3, "train.batch_size": 32}
    folder.write(Trial(1, point))
    assert "1 trial of 40 over" in text_of(folder)
    with locked(folder.path, "the search"):
        assert "still running" in text_of(folder)
    assert "zoo search digits_cnn --resume" in text_of(folder)
    folder.write(Trial(1, point, state=FAILED, reason="out of memory"))
    page = Page(report.render(folder))
    assert "svg" not in page.tags
    assert "out of memory" in page.text
    folder.write(Trial(2, point, state=COMPLETED, score=0.5))
    text = text_of(folder)
    assert "The best so far: trial 2" in text
    assert "as the search saw it, so far" in text
    assert f"Which keys matter is not told: 1 of the trials are completed; from {FEWEST} on there is something to say." in text
    folder.mark(state="finished", winner={"number": 2, "score": 0.5, "seeds": {}, "seed": 2, "reason": "no <memory>"})
    assert "No training with a fresh seed tells by how much: no <memory>." in text_of(folder)


def test_a_search_of_failures_tells_their_reasons(tmp_path):
    folder = made_search.empty(tmp_path)
    for trial in made_search.trials(folder, 5):
        folder.write(dataclasses.replace(trial, state=FAILED, score=None, reason=f"NaN in epoch {trial.number}"))
    folder.mark(state="failed", why="5 trials failed in a row, the last: NaN in epoch 5")
    text = text_of(folder)
    assert "✗ failed: 5 trials failed in a row" in text
    assert "NaN in epoch 1 5 1, 2, 3, 4, 5 trials/0001/trial.log" in text


def test_what_the_user_wrote_is_text_and_not_markup(tmp_path):
    folder = made_search.empty(tmp_path)
    axes = [{**axis, "name": EVIL, "key": EVIL} if axis["key"] == "model.activation" else axis for axis in folder.facts["axes"]]
    axes = [{**axis, "choices": [EVIL, "$5 & {{ 7 * 7 }}"], "when": None} if axis["key"] == EVIL else axis for axis in axes]
    keys = [EVIL if key == "model.activation" else key for key in folder.keys]
    folder.mark(axes=axes, keys=keys, experiment=EVIL, why=EVIL, dataset=EVIL)
    for trial in made_search.trials(made_search.empty(tmp_path / "other"), 30):
        values = {key: value for key, value in trial.values.items() if key != "model.activation"}
        named = {**values, EVIL: (EVIL, "$5 & {{ 7 * 7 }}")[trial.number % 2]}
        folder.write(dataclasses.replace(trial, values=named, reason=EVIL if trial.state == FAILED else None))
    text = report.render(folder)
    page = Page(text)
    assert "script" not in page.tags
    assert "<script" not in text
    assert page.text.count(EVIL) > 8
    assert "$5 & {{ 7 * 7 }}" in page.text


def test_the_same_folder_is_the_same_page(done):
    first = (done.path / "report.html").read_bytes()
    report.write_report(SearchFolder(done.path))
    assert (done.path / "report.html").read_bytes() == first


def test_importance_finds_the_key_that_matters(done):
    found = importance(done.space, done.trials())
    assert next(iter(found.shares)) == made_search.RATE
    assert found.shares[made_search.RATE] > 0.5
    assert sum(found.shares.values()) == pytest.approx(1)
    assert set(found.shares) == set(done.keys)
    assert found.explained > 0.4
    assert importance(done.space, done.trials()) == found


def test_importance_sees_a_choice_without_an_order_and_is_not_blinded_by_one_that_diverged():
    space = Space((Axis("a", "a", ("x", "y", "z")), Axis("b", "b", low=0.0, high=1.0)))
    chance = np.random.default_rng(0)
    made = [Trial(n, {"a": "xyz"[n % 3], "b": float(chance.random())}, state=COMPLETED, score=float(n % 3 == 1)) for n in range(1, 31)]
    made.append(Trial(31, {"a": "x", "b": 0.5}, state=COMPLETED, score=1e9))
    assert importance(space, made).shares["a"] > 0.8


def test_importance_says_why_it_says_nothing(done):
    few = [trial for trial in done.trials() if trial.state == COMPLETED][: FEWEST - 1]
    assert importance(done.space, few) == Importance(why="7 of the trials are completed; from 8 on there is something to say")
    equal = [dataclasses.replace(trial, score=0.5) for trial in done.trials() if trial.state == COMPLETED]
    assert importance(done.space, equal).why == "all scores are equal"


def test_figures_take_the_pages_colours(done):
    drawn = figures.draw(figures.Looked(done, done.trials(), importance(done.space, done.trials())))
    assert list(drawn) == ["history", "importance", "parallel", "slices"]
    for markup in drawn.values():
        ElementTree.fromstring(markup)
        assert "var(--accent)" in markup
        assert not any(colour in markup for colour in COLOURS.values())


def many_keys(count: int, trials: int) -> figures.Looked:
    """Keys with long names, some by their logarithm, some of many choices with long names."""
    words = tuple(f"a very long name of the choice {place}" for place in range(12))
    kinds = [{"choices": words}, {"low": 1e-6, "high": 1.0, "log": True}, {"low": 0.0, "high": 1.0}] * (count // 3)
    names = [f"model.a_setting_with_a_really_long_name_{place}" for place in range(count)]
    axes = [Axis(name, name, **kind) for name, kind in zip(names, kinds, strict=True)]
    chance = np.random.default_rng(0)
    made = [
        Trial(
            number,
            {axis.key: words[number % 12] if axis.choices else float(chance.uniform(axis.low, axis.high)) for axis in axes},
            state=COMPLETED,
            score=float(chance.random()),
        )
        for number in range(1, trials + 1)
    ]
    space = Space(tuple(axes))
    folder = SimpleNamespace(space=space, keys=list(space.keys), sign=-1, objective="val.loss")
    return figures.Looked(folder, made, Importance({axis.key: 1 / len(axes) for axis in axes}, 0.9))


def test_many_keys_many_trials_and_long_names_stay_readable():
    looked = many_keys(24, 1000)
    assert len(looked.shown) == figures.SHOWN
    assert looked.shown[-1][0] is looked.best[0]
    assert {trial.number for trial in looked.best[:100]} <= {trial.number for trial, _ in looked.shown}
    with matplotlib.rc_context(STYLE):
        for make in (figures.parallel, figures.bars):
            figure = make(looked)
            drawn = FigureCanvasAgg(figure).get_renderer()
            assert figure.get_figwidth() == WIDTH
            boxes = [text.get_window_extent(drawn) for axes in figure.axes for text in axes.texts]
            assert len(boxes) >= 40
            assert min(box.x0 for box in boxes) >= 0
            assert max(box.x1 for box in boxes) <= figure.bbox.width
    assert len(figures.draw(looked)["parallel"]) < 1_000_000


def test_marks_that_would_meet_are_left_out():
    marks = [(place / 11, f"a long name {place}") for place in range(12)]
    kept = figures._thinned(marks)
    assert kept[0] == marks[0]
    assert kept[-1] == marks[-1]
    assert 2 <= len(kept) < 8
    assert figures._thinned([(0.0, "16"), (0.5, "32"), (1.0, "64")]) == [(0.0, "16"), (0.5, "32"), (1.0, "64")]


def test_a_loss_that_is_to_be_small_falls_in_the_history():
    looked = many_keys(3, 30)
    looked.trials.append(Trial(31, {}, state=RUNNING))
    with matplotlib.rc_context(STYLE):
        (axes,) = figures.history(looked).axes
    best = axes.lines[0].get_ydata()
    assert (np.diff(best) <= 0).all()
    assert axes.lines[0].get_xdata()[-1] == 31
    assert best[-1] == looked.best[0].score


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize("width", [1200, 420])
def test_a_browser_draws_the_page_without_scrolling_sideways(done, tmp_path, width):
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}"]
    picture = tmp_path / "page.png"
    shot = [CHROMIUM, *options, f"--window-size={width},2400", f"--screenshot={picture}", f"file://{done.path / 'report.html'}"]
    subprocess.run(shot, check=True, capture_output=True, timeout=120)
    pixels = np.asarray(Image.open(picture).convert("L"))
    assert pixels.shape[1] == width
    assert pixels[:, 40:-40].std() > 10, "the page is blank"
    assert (pixels[:, -4:] == pixels[0, -1]).all(), "something reaches over the edge"
