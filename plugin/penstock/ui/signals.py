"""Signals during a run: Ctrl-C once stops and rolls back, twice exits; SIGTERM lets what runs finish within a grace time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from penstock.app.build import Stopper
from penstock.errors import EXIT_USAGE
from penstock.ui.console import Console

GRACE_SECONDS = 30.0


@contextmanager
def stopping_on_signals(stop: Stopper, console: Console) -> Iterator[None]:
    """Install the handlers for the time of a run."""
    pressed = 0

    def on_interrupt(_: int, __: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 1:
            os._exit(EXIT_USAGE)  # the open transaction was never committed: the database opens as it was before
        if stop.context is None:
            raise KeyboardInterrupt
        console.warning("Stopping: what runs now is rolled back. Press Ctrl-C again to exit at once.")
        threading.Thread(target=stop.interrupt, daemon=True).start()

    def on_terminate(_: int, __: FrameType | None) -> None:
        if stop.context is None:
            raise KeyboardInterrupt
        console.warning(f"Ending: what runs now may finish within {GRACE_SECONDS:.0f} seconds.")
        stop.drain()
        timer = threading.Timer(GRACE_SECONDS, stop.interrupt)
        timer.daemon = True
        timer.start()

    before = (signal.signal(signal.SIGINT, on_interrupt), signal.signal(signal.SIGTERM, on_terminate))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
