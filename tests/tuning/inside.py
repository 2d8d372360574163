"""A worker that really trains, in a thread of this process: no interpreter is started for it."""

import json
import queue
import threading
from dataclasses import asdict
from typing import Any

from asr import numerics
from asr.recipe import Recipe
from asr.runs.numerics_used import read_numerics
from asr.tuning.training import Job, one_thread
from asr.tuning.worker import Worker
from asr.tuning.workers import Message


class Inside:
    """In the place of `asr.tuning.workers.Workers`; of one worker, whatever the size."""

    def __init__(self, size: int, recipe: Recipe, device: str) -> None:
        self.size = 1
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._worker = Worker(self)  # type: ignore[arg-type]  # what it says is written here
        self._thread = threading.Thread(target=self._run, args=(recipe, device), daemon=True)
        self._thread.start()

    def _run(self, recipe: Recipe, device: str) -> None:
        one_thread()
        numerics.choose_device(device, recipe.numerics.determinism)
        self._worker.say(ready=read_numerics(recipe.numerics.determinism).model_dump(mode="json"))
        self._worker.run()

    def write(self, line: str) -> None:
        self._said.put(json.loads(line))

    def flush(self) -> None:
        pass

    def give(self, worker: int, job: Job) -> None:
        self._worker._given.put({"job": json.loads(json.dumps(asdict(job)))})

    def answer(self, worker: int, go: bool) -> None:
        self._worker._given.put({"go": go})

    def next(self, seconds: float) -> Message | None:
        try:
            return Message(0, self._said.get(timeout=seconds))
        except queue.Empty:
            return None

    def stop(self) -> None:
        self._worker._stop.set()
        self._worker._given.put({"stop": True})
        self._thread.join()

    kill = stop
