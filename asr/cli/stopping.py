"""Ctrl-C during long work: finish the step first, stop at once when asked again."""

import os
import signal
from types import FrameType


class StopOnSignal:
    """The first Ctrl-C or SIGTERM asks for a stop after the step under way; the second one stops at once."""

    def __init__(self) -> None:
        self._signal = 0  # once there was one

    @property
    def status(self) -> int:
        """Exit status of a process that a signal ended, as shells have it."""
        return 128 + (self._signal or signal.SIGINT)

    def is_asked(self) -> bool:
        return self._signal != 0

    def __enter__(self) -> None:
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self._signal:
            raise KeyboardInterrupt
        self._signal = number
        # Not print: the signal may come while this very thread is writing.
        os.write(2, b"\nasr: stopping after this step; press Ctrl-C again to stop at once\n")
