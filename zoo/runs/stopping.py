"""Ctrl-C and SIGTERM, which end a command resumably, and are not lost.

Python raises KeyboardInterrupt wherever the main thread is. Inside a destructor or a callback of a C library it is printed and
forgotten; so the wish is remembered too, and whoever works for long asks for it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_asked = threading.Event()


def check_stop() -> None:
    """Raises KeyboardInterrupt where somebody has asked to stop."""
    if _asked.is_set():
        raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it SIGINT and SIGTERM raise KeyboardInterrupt, now or at the next `check_stop`; in the main thread only."""
    nested = getattr(signal.getsignal(signal.SIGINT), "__module__", None) == __name__
    if nested or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        _asked.set()
        raise KeyboardInterrupt

    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _asked.clear()
