"""What is told of a language model beside its metrics: how it gains by context, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from zoo.data.preprocess.text import as_texts
from zoo.evaluation.parts import Judged

PROMPTS, PROMPTED = 3, 32  # samples on prompts of test windows, and at most so many tokens of each
HOT, OTHERS = 0.8, (0.5, 1.0)  # temperatures; the others are those of the first prompt
WRITTEN, SEED = 160, 1


def places(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """The mean nats at each place in the context, beside those of whoever knows the frequencies only."""
    base = judged.task.baseline(judged.data.encode(judged.data.rows["train"]).y, judged.test.y)
    assert base is not None
    axes, at = several[0], np.arange(1, judged.test.outputs.shape[1] + 1)
    axes.plot(at, base.mean(0), color=colours["muted"], linewidth=1.2, label=judged.task.baseline_name)
    axes.plot(at, judged.test.outputs.mean(0), color=colours["accent"], label="model")
    axes.set(xlabel="tokens seen", ylabel="nats", ylim=(0, None))
    axes.set_title("nats of the next token, test")
    axes.legend()


def samples(judged: Judged) -> dict[str, Any] | None:
    """`settings`, and `rows` of a prompt, its temperature, and what the model wrote after it; None of another task."""
    if judged.task.name != "language":
        return None
    prompts = _prompts(judged)
    if not prompts:
        return None
    asked = [(prompt, HOT) for prompt in prompts] + [(prompts[0], one) for one in OTHERS]
    size = len(asked)
    settings = {"max_new_tokens": np.int32(WRITTEN), "top_k": np.int32(0), "top_p": np.float32(1), "seed": np.int32(SEED)}
    columns = {
        "text": np.array([prompt for prompt, _ in asked], object),
        "temperature": np.array([hot for _, hot in asked], np.float32),
        **{name: np.full(size, value) for name, value in settings.items()},
    }
    written = judged.opened.ask("generate", columns)["text"]
    rows = [{"prompt": prompt, "temperature": hot, "text": str(text)} for (prompt, hot), text in zip(asked, written, strict=True)]
    return {"seed": SEED, "rows": rows}


def _prompts(judged: Judged) -> list[str]:
    """The first tokens of test windows, spread over the split, that hold nothing the model has never seen."""
    windows, spec = judged.data.raw.features["text"], judged.data.spec
    found = []
    for stretch in np.array_split(judged.test.rows, PROMPTS):
        for row in stretch:
            codes = windows[row][: min(PROMPTED, spec["length"] // 2)]
            if len(codes) and np.isin(codes, spec["codes"]).all():
                found.append(as_texts(spec, codes[None])[0].replace("\ufffd", ""))  # half a character of several bytes
                break
    return list(filter(None, found))
