"""A prompt, and what a trained language model writes after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.bundles import Bundle
from zoo.config.writing import DEFAULTS, MOST
from zoo.errors import ZooError
from zoo.jobs.opening import load_trained
from zoo.runs import Run, home

SEEDS = 2**31  # the served seed is int32


def generate(
    model: str | Path | Run | Bundle,
    prompt: str,
    *,
    max_new_tokens: int = DEFAULTS["max_new_tokens"],
    temperature: float = DEFAULTS["temperature"],
    top_k: int = DEFAULTS["top_k"],
    top_p: float = DEFAULTS["top_p"],
    seed: int = DEFAULTS["seed"],
    runs: str | Path | None = None,
    bundles: str | Path | None = None,
) -> str:
    """What a language model writes after a prompt, without the prompt. A run and its bundle write the same.

    Args:
        model: a Run or a Bundle, or what names one: a folder, a run's ID, `NAME@last`, a bundle's name.
        prompt: at least one token, at most as many as the model's context, of the characters that it has learned.
        max_new_tokens: how many are written, at most 4096. A text that outgrows the context goes on with the newer half of it.
        temperature: of the softmax that a token is drawn from; at 0 the likeliest is taken.
        top_k: draw among so many likeliest tokens only; 0 for all.
        top_p: draw among the likeliest tokens only that together have this probability.
        seed: the same writes the same.
        runs: where runs are; default `ZOO_HOME`'s, else `./runs`.
        bundles: where bundles are; default `ZOO_HOME`'s, else `./bundles`.

    Raises:
        ZooError: no such run or bundle, or it is no language model; a setting that means nothing; a prompt that is empty, longer
            than the context, or holds what the model has never seen.
    """
    settings: dict[str, Any] = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    check(prompt, **settings)
    trained = load_trained(model, home("runs", runs), home("bundles", bundles))
    learned = str(trained.manifest["task"] if isinstance(trained, Bundle) else trained.facts["task"])
    if learned != "language":
        raise ZooError(f"{trained.path} is no language model: it has learned {learned}", f"ask it: zoo predict {trained.path} FILE")
    return _written(trained, prompt, settings)


def check(prompt: str, *, max_new_tokens: int, temperature: float, top_k: int, top_p: float, seed: int) -> None:
    """Raises ZooError for what no model can be asked; what a prompt may hold, and how much, the model knows."""
    ways = (
        (bool(prompt), "the prompt is empty: give one character at least"),
        (1 <= max_new_tokens <= MOST, f"max_new_tokens is {max_new_tokens}: it should be from 1 to {MOST}"),
        (0 <= temperature < float("inf"), f"temperature is {temperature:g}: it should be a number from 0 on; 0 takes the likeliest token"),
        (0 <= top_k < SEEDS, f"top_k is {top_k}: it should be at least 1, or 0 for all tokens"),
        (0 < top_p <= 1, f"top_p is {top_p:g}: it should be above 0, and at most 1"),
        (-SEEDS <= seed < SEEDS, f"seed is {seed}: it should be from {-SEEDS} to {SEEDS - 1}"),
    )
    for right, said in ways:
        if not right:
            raise ZooError(said)
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise ZooError(f"the prompt is no valid text: character {error.start + 1} cannot be written as UTF-8") from None


def _written(trained: Run | Bundle, prompt: str, settings: dict[str, Any]) -> str:
    import numpy as np

    if isinstance(trained, Run):
        trained.needs_evaluated()
        from zoo.assembly import open_run

        ask: Callable[..., Mapping[str, Any]] = open_run(trained).ask
    else:
        ask = trained.ask
    kinds = {name: np.int32 if isinstance(DEFAULTS[name], int) else np.float32 for name in settings}
    asked = {name: np.array([value], kinds[name]) for name, value in settings.items()}
    return str(ask("generate", {"text": np.array([prompt], object), **asked})["text"][0])
