"""Exporting without talk: what TensorFlow and tf2onnx say and set of logging while they write is undone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

CHATTY = ("absl", "tensorflow", "tf2onnx")


@contextmanager
def quietly() -> Iterator[None]:
    """Holds back all but errors, and puts handlers and levels back at the end.

    absl, with which TensorFlow logs, gives the root logger a handler at its first word: everybody's `log.info` would go to stderr.
    """
    loggers = [logging.getLogger(), *map(logging.getLogger, CHATTY)]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    try:
        for logger in loggers[1:]:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers
