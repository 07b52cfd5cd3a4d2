"""`zoo generate`: a run and its bundle write the same text; and what cannot be asked is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SETTINGS = ("--max-new-tokens", "40", "--temperature", "0.8", "--top-k", "20", "--top-p", "0.9")


def test_a_run_and_its_bundle_write_the_same(zoo, written):
    by_run, by_bundle, other = (
        zoo("generate", str(path), "7 fl", *SETTINGS, "--seed", seed)
        for path, seed in ((written.run.path, "1"), (written.bundle.path, "1"), (written.bundle.path, "2"))
    )
    assert by_run.code == by_bundle.code == other.code == 0, by_run.err
    assert by_run.out == by_bundle.out != other.out
    assert by_run.out.startswith("7 fl")
    assert len(by_run.out) == len("7 fl") + 40 + 1
    assert by_run.err == "next      another one: --seed 2\n"


def test_a_document(zoo, written):
    plain = zoo("generate", str(written.bundle.path), "7 f", *SETTINGS)
    told = json.loads(zoo("generate", str(written.bundle.path), "7 f", *SETTINGS, "--json").out)
    assert plain.out == f"7 f{told['text']}\n"
    assert (told["prompt"], told["seed"], told["top_k"], told["model"]) == ("7 f", 1, 20, str(written.bundle.path))


WRONG = [
    (("",), "the prompt is empty"),
    (("7 flé",), "the prompt holds the character é, which the text that the model learned from does not"),
    (("7 f" * 9,), "the prompt has 27 characters, more than the context of 16"),
    (("7 f", "--max-new-tokens", "0"), "max_new_tokens is 0: it should be from 1 to 4096"),
    (("7 f", "--max-new-tokens", "4097"), "max_new_tokens is 4097"),
    (("7 f", "--max-new-tokens", "few"), "--max-new-tokens"),
    (("7 f", "--temperature", "-0.1"), "temperature is -0.1"),
    (("7 f", "--temperature", "nan"), "temperature is nan"),
    (("7 f", "--top-k", "-1"), "top_k is -1"),
    (("7 f", "--top-p", "0"), "top_p is 0"),
    (("7 f", "--top-p", "1.01"), "top_p is 1.01"),
    (("7 f", "--seed", "99999999999"), "seed is 99999999999"),
    ((), "zoo generate needs PROMPT"),
]


@pytest.mark.parametrize(("words", "expected"), WRONG, ids=[expected for _, expected in WRONG])
def test_what_cannot_be_asked(refused, written, words, expected):
    assert expected in refused("generate", str(written.bundle.path), *words)


def test_a_prompt_that_is_no_text(refused, written):
    assert "the prompt is no valid text: character 2" in refused("generate", str(written.bundle.path), "a\udcff")


def test_a_run_refuses_alike(refused, written):
    assert "the prompt holds the character é" in refused("generate", str(written.run.path), "7 flé")


def test_what_is_no_language_model(refused, trained):
    for path in (trained.run.path, trained.bundle.path):
        said = refused("generate", str(path), "7 f")
        assert f"{path} is no language model: it has learned classification\n  ask it: zoo predict {path} FILE" in said
    assert "no run and no bundle 'cat'" in refused("generate", "cat", "7 f")


def test_predict_says_who_writes(refused, written):
    Path("prompt.txt").write_text("7 fl")
    assert f"zoo generate {written.bundle.path} PROMPT" in refused("predict", str(written.bundle.path), "prompt.txt")
