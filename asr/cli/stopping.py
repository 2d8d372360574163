"""Ctrl-C during long work: finish the step first, stop at once when asked again."""

import os
import signal
import threading
import time
from types import FrameType

LOOK = 1.0  # seconds between two looks at the parent
GRACE = 60.0  # seconds in which a process whose parent is gone may write its checkpoint


class StopOnSignal:
    """The first Ctrl-C or SIGTERM asks for a stop after the step under way; the second one stops at once.

    Args:
        quiet: say nothing about it; another process does.
        again: a second one stops at once. Not where a launcher passes signals on, and others may come beside it: it
            ends by itself whoever takes too long.
    """

    def __init__(self, *, quiet: bool = False, again: bool = True) -> None:
        self._signal = 0  # once there was one
        self._quiet, self._again = quiet, again

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
        if self._signal and self._again:
            raise KeyboardInterrupt
        if not self._quiet and not self._signal:
            advice = b"; press Ctrl-C again to stop at once" if self._again else b""
            # Not print: the signal may come while this very thread is writing.
            os.write(2, b"\nasr: stopping after this step" + advice + b"\n")
        self._signal = number


def stop_without_parent() -> None:
    """Lets this process be asked to stop, as by SIGTERM, when the one that started it has ended.

    Torchrun starts its processes in sessions of their own: where it is killed itself, nothing else would reach them.
    """
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
