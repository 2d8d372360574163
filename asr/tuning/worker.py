"""A process that trains trials, one after the other: it is given jobs and answers by lines of JSON, and draws nothing.

    in    {"job": ...}, {"go": true or false} after each epoch, {"stop": true}
    out   {"ready": numerics}, {"begun": ...}, {"epoch": ...}, then one of {"over": true}, {"poor": true},
          {"stopped": true}, {"failed": message, "kind": class}

It stops when the process that started it has ended, however that was.
"""

import dataclasses
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, TextIO

from asr import numerics
from asr.errors import AsrError
from asr.numerics import Determinism
from asr.tuning.record import EpochTried


class Worker:
    """The worker's side of the lines."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._given: queue.Queue[dict[str, Any]] = queue.Queue()
        self._stop = threading.Event()

    def listen(self) -> None:
        """In a thread of its own. What is under way when the other end is gone is in its checkpoints."""
        for line in os.fdopen(0, encoding="utf-8"):
            message = json.loads(line)
            if "stop" in message:
                self._stop.set()
            self._given.put(message)
        os._exit(1)

    def say(self, **message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def run(self) -> None:
        """Until it is told to stop."""
        while not self._stop.is_set():
            message = self._given.get()
            if "job" in message:
                self._work(message["job"])

    def _work(self, job: dict[str, Any]) -> None:
        from asr.training.reports import Interrupted
        from asr.tuning.training import Job, Poor, train

        try:
            train(
                Job(**job),
                lambda trained: self.say(begun=dataclasses.asdict(trained)),
                self._goes_on,
                self._stop.is_set,
            )
        except Poor:
            self.say(poor=True)
        except Interrupted:
            self.say(stopped=True)
        except AsrError as error:
            self.say(failed=str(error), kind=type(error).__name__)
        else:
            self.say(over=True)

    def _goes_on(self, epoch: EpochTried) -> bool:
        self.say(epoch=epoch.model_dump(mode="json"))
        while True:
            message = self._given.get()
            if "go" in message:
                return bool(message["go"])
            if "stop" in message:
                # The trainer asks for it in its next step; the answer may still come, and is not waited for.
                return True


def main(arguments: Sequence[str]) -> int:
    """`python -m asr.tuning.worker` with determinism, instructions, device and the digest of the code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the process that leads tells when to stop
    determinism: Determinism = "off" if arguments[0] == "off" else "strict"
    instructions, device, code = arguments[1:]
    # What libraries print must not get between the lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    numerics.pin(determinism, instructions)  # before torch is imported
    worker = Worker(out)
    threading.Thread(target=worker.listen, daemon=True).start()
    from asr.runs.environment import code_digest
    from asr.runs.numerics_used import read_numerics
    from asr.tuning.training import one_thread

    if code != code_digest():
        worker.say(
            failed="a worker found other code than the process that leads; start again", kind="OtherCode"
        )
        return 1
    one_thread()
    try:
        numerics.choose_device(device, determinism)
    except AsrError as error:
        worker.say(failed=str(error), kind=type(error).__name__)
        return 1
    worker.say(ready=read_numerics(determinism).model_dump(mode="json"))
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
