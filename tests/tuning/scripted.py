"""Workers that train nothing: what a training comes to is a function of its recipe, and who speaks next is drawn."""

import random
from collections.abc import Callable, Iterator
from typing import Any

from trials_by_hand import epoch

from asr.recipe import Recipe
from asr.tuning.training import Job
from asr.tuning.workers import Message

Worth = Callable[[Job], list[float]]  # WER after each epoch; raises Crash or Failure


class Crash(Exception):  # noqa: N818
    """The process ends."""


class Failure(Exception):  # noqa: N818
    """It cannot be trained: kind and message."""


def scripted(worth: Worth, seed: int = 0) -> Callable[[int, Recipe, str], "Scripted"]:
    """In the place of `asr.tuning.workers.Workers`."""
    return lambda size, recipe, device: Scripted(size, worth, random.Random(seed))


class Scripted:
    def __init__(self, size: int, worth: Worth, draws: random.Random) -> None:
        self.size, self._worth, self._draws = size, worth, draws
        self._busy: dict[int, Iterator[dict[str, Any] | None]] = {}
        self._go: dict[int, bool] = {}

    def give(self, worker: int, job: Job) -> None:
        assert worker not in self._busy
        self._busy[worker] = self._train(worker, job)

    def answer(self, worker: int, go: bool) -> None:
        self._go[worker] = go

    def next(self, seconds: float) -> Message | None:
        if not self._busy:
            return None
        worker = self._draws.choice(sorted(self._busy))
        said = next(self._busy[worker])
        if said is None or {"over", "poor", "failed"} & said.keys():
            del self._busy[worker]
        return Message(worker, said)

    def stop(self) -> None:
        self._busy.clear()

    kill = stop

    def _train(self, worker: int, job: Job) -> Iterator[dict[str, Any] | None]:
        yield {"begun": {"parameters": 7, "left_out": 0}}
        try:
            wers = self._worth(job)
        except Crash:
            yield None
            return
        except Failure as failure:
            kind, message = failure.args
            yield {"failed": message, "kind": kind}
            return
        for place, wer in enumerate(wers):
            best = wer < min([*wers[:place], 2.0])
            yield {"epoch": epoch(place + 1, wer, best=best).model_dump(mode="json")}
            if not self._go[worker]:
                yield {"poor": True}
                return
        yield {"over": True}
