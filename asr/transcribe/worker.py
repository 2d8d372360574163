"""A process that transcribes files for another one (asr.transcribe.processes): `python -m asr.transcribe.worker`.

Lines of JSON go in and out. In: {"files": [[7, "a.wav", null, ""], ...]}, to be heard together; each has a number and
what asr.audio.Track has. Out: {"ready": true} once, or {"fatal": "...", "error": "BundleError"}, then for every file
{"file": 7, "text": "...", "seconds": 2.5, "words": [], "segmentation": "whole", "engine": "torch"}, or
{"file": 7, "fault": "..."}. It ends when its input does, even in the middle: then nobody waits for its answers.
"""

import argparse
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, BinaryIO, NoReturn

from asr import numerics
from asr.audio import Track
from asr.errors import AsrError
from asr.transcribe.transcript import Transcript


def main() -> NoReturn:
    """Ends without Python's own clearing up, which would wait for the thread that reads tasks, and then abort."""
    status = 1
    try:
        status = work()
    except BaseException:  # noqa: BLE001  # it is shown
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


def work() -> int:
    """Until there are no more tasks; 1 if it could not begin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process decides
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--wanted", type=json.loads, default={})
    options = parser.parse_args()
    # Libraries that print something would break a line of JSON: what they print goes to standard error.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(sys.stdin.buffer, tasks), daemon=True).start()
    numerics.pin()
    from asr.transcribe.transcriber import Transcriber

    try:
        transcriber = Transcriber(options.model, device=options.device, **options.wanted)
    except AsrError as error:
        _answer(answers, {"fatal": str(error), "error": type(error).__name__})
        return 1
    _answer(answers, {"ready": True})
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()

    def files() -> Iterator[Track | None]:
        while True:
            for number, path, channel, name in tasks.get():
                numbers.put(number)
                yield Track(path, channel, name)
            yield None  # no more until the next task: these may be heard now

    for _, found in transcriber.many(files(), workers=1):
        answer: dict[str, Any] = {"file": numbers.get()}
        if isinstance(found, Transcript):
            answer |= {"text": found.text, "seconds": found.seconds, "words": list(map(astuple, found.words))}
            answer |= {"segmentation": found.segmentation, "engine": found.engine}
        else:
            answer |= {"fault": str(found)}
        _answer(answers, answer)
    return 0


def _read_tasks(stream: BinaryIO, tasks: "queue.SimpleQueue[list[Any]]") -> None:
    for line in stream:
        tasks.put(json.loads(line)["files"])
    os._exit(0)


def _answer(stream: Any, answer: dict[str, Any]) -> None:
    try:
        stream.write(json.dumps(answer).encode() + b"\n")
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
