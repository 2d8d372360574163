"""Shards are made ready before they are needed: fetched where they are far away, and checked from end to end.

That reads each shard in sequence, once, so that the system has it in memory when its utterances are read at their
places.
"""

import threading
from collections.abc import Iterator, Sequence

from asr.batching import Step
from asr.errors import AsrError
from asr.on_demand import OnDemand
from asr.shard_file import make_ready, shard_of
from asr.training.examples import Example
from asr.training.plan import WindowedPlan


def read_ahead(steps: Sequence[Step], examples: Sequence[Example]) -> Sequence[Step]:
    """The same steps; while those of a window are taken, the shards of the next are made ready."""
    return Ahead(steps, examples) if isinstance(steps, WindowedPlan) else steps


class Ahead(OnDemand[Step]):
    """Steps in windows of shards."""

    def __init__(self, plan: WindowedPlan, examples: Sequence[Example]) -> None:
        self._plan, self._examples = plan, examples
        self._window = -1  # whose steps are taken
        self._wanted = 0  # the window that is to be ready next
        self._lock = threading.Lock()  # of what is wanted, and of whether a thread is at it
        self.thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._plan)

    def at(self, place: int) -> Step:
        window = self._plan.window_of(place)
        if window > self._window:
            self._window = window
            self._begin(window + 1)
        return self._plan.at(place)

    def _begin(self, window: int) -> None:
        """One window at a time: what nobody needs yet is not to share the network with what is needed sooner."""
        if window >= self._plan.windows:
            return
        with self._lock:
            self._wanted = window
            if self.thread is None:
                # A daemon: who stops the training does not wait for a download.
                self.thread = threading.Thread(target=self._make_ready, daemon=True)
                self.thread.start()

    def _make_ready(self) -> None:
        ready = 0
        while True:
            with self._lock:
                window = self._wanted
                if window == ready:
                    self.thread = None
                    return
            for place in self._places(window):
                try:
                    make_ready(place)
                except AsrError:  # is raised again, and told, when an utterance of this shard is read
                    break
            ready = window

    def _places(self, window: int) -> Iterator[str]:
        """One in each shard of a window."""
        for row in self._plan.firsts(window):
            place = self._examples[row].utterance.audio_filepath
            if shard_of(place):
                yield place
