"""`zoo generate`: a prompt, and what a language model writes after it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from zoo.cli import quiet, tables
from zoo.cli.options import Bundles, Json, Runs
from zoo.config.writing import DEFAULTS, MOST


def generate(
    model: Annotated[str, typer.Argument(metavar="RUN|BUNDLE", help="A run's folder, ID or NAME@last; a bundle's folder or name.")],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The text to go on with; at most as long as the model's context.")],
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", metavar="N", help=f"How many tokens are written, at most {MOST}.")
    ] = DEFAULTS["max_new_tokens"],
    temperature: Annotated[
        float, typer.Option("--temperature", metavar="T", help="0 takes the likeliest token, more dares more.")
    ] = DEFAULTS["temperature"],
    top_k: Annotated[int, typer.Option("--top-k", metavar="K", help="Draw among the K likeliest tokens; 0 for all.")] = DEFAULTS["top_k"],
    top_p: Annotated[
        float, typer.Option("--top-p", metavar="P", help="Draw among the likeliest tokens that together have this probability.")
    ] = DEFAULTS["top_p"],
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed writes the same text.")] = DEFAULTS["seed"],
    runs: Runs = None,
    bundles: Bundles = None,
    as_json: Json = False,
) -> None:
    """Write on after a prompt; prints the prompt and what follows."""
    from zoo.jobs import generating
    from zoo.jobs.opening import load_trained
    from zoo.runs import home

    settings: dict[str, Any] = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    with tables.only_document(True):
        generating.check(prompt, **settings)
        trained = load_trained(model, home("runs", runs), home("bundles", bundles))
        quiet.tensorflow()
        text = generating.generate(trained, prompt, **settings)
    if as_json:
        tables.document({"model": str(trained.path), "prompt": prompt, "text": text, **settings})
        return
    print(prompt + text)
    tables.hint(f"next      another one: --seed {seed + 1}")
