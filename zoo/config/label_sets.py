"""Sets of labels as one text, as `red; round`, and back: what is learned and said where any number of labels may hold at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def labels_of(text: str, separator: str) -> list[str]:
    """The labels that a text names, without the blanks around them; none of an empty one."""
    return [label for part in text.split(separator) if (label := part.strip())]


def marks(texts: Iterable[str], labels: Sequence[str], separator: str) -> np.ndarray:
    """Which of the labels each text names: bool (n, labels). What is no label is not looked at."""
    import numpy as np

    place, texts = {label: index for index, label in enumerate(labels)}, list(texts)
    made = np.zeros((len(texts), len(labels)), bool)
    for row, text in enumerate(texts):
        made[row, [place[label] for label in labels_of(text, separator) if label in place]] = True
    return made


def joined(marks: np.ndarray, labels: Sequence[str], separator: str) -> list[str]:
    """A text a row of bool (n, labels): those that hold, in their order."""
    return [separator.join(label for label, holds in zip(labels, row, strict=True) if holds) for row in marks.tolist()]
