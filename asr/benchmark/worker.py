"""The process in which one system lives: `python -m asr.benchmark.worker`, driven by lines of JSON.

The first line on standard input names the system: {"system": {...}, "folder": "..."}. Then come
requests: {"do": "identity"}, {"do": "open"}, {"do": "hear", "number": 7, "path": "..."}. Each has one line in answer,
with "did", and "failed" where the system has said that it cannot. The end of the input ends the process and whatever it
has started. What libraries print goes to standard error.
"""

import json
import os
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from asr.benchmark.process_tree import PROC, cpu_seconds, descendants, end_tree
from asr.benchmark.spec import KINDS
from asr.benchmark.system import System
from asr.errors import AsrError

CLOSING = 10.0  # seconds in which a system has to let go


def main() -> None:
    """Until the input ends."""
    # Libraries, also those in C, print on standard output what they like.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    first = json.loads(sys.stdin.readline())
    spec = KINDS[first["system"]["kind"]].model_validate_json(json.dumps(first["system"]))
    system = spec.system(Path(first["folder"]))
    lock = threading.Lock()

    def say(**answer: Any) -> None:
        with lock:
            print(
                json.dumps({**answer, "memory": _memory(system)}, allow_nan=False), file=answers, flush=True
            )

    pool = ThreadPoolExecutor(spec.at_once)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "hear":
            pool.submit(_guarded, _hear, system, request, say)
        else:
            _guarded(_prepare, system, request, say)
    threading.Timer(CLOSING, end_tree, (os.getpid(),)).start()
    try:
        system.close()
    finally:
        end_tree(os.getpid())


def _guarded(
    work: Callable[..., None], system: System, request: dict[str, Any], say: Callable[..., None]
) -> None:
    """What is no error of ours ends the process: it counts as a crash, and its trace is the reason."""
    try:
        work(system, request, say)
    except BaseException:  # noqa: BLE001  # of any library
        traceback.print_exc()
        sys.stderr.flush()
        end_tree(os.getpid(), status=70)


def _prepare(system: System, request: dict[str, Any], say: Callable[..., None]) -> None:
    did = request["do"]
    begun = time.perf_counter()
    try:
        if did == "identity":
            size, identity = system.size(), system.identity()
            say(did=did, identity=identity, size=size, concurrent=system.concurrent, inside=system.inside)
        else:
            system.open()
            say(did=did, seconds=time.perf_counter() - begun)
    except AsrError as error:
        say(did=did, failed=str(error))


def _hear(system: System, request: dict[str, Any], say: Callable[..., None]) -> None:
    number = request["number"]
    before = _cpu(system)
    try:
        answer = system.hear(Path(request["path"]))
    except AsrError as error:
        say(did="hear", number=number, failed=str(error))
    else:
        cpu = _cpu(system) - before
        say(did="hear", number=number, text=answer.text, seconds=answer.seconds, cpu=cpu)


def _cpu(system: System) -> float:
    """Seconds of processor time of the system so far: of this process where it is the system, and of all below."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    below = cpu_seconds(descendants(os.getpid()))
    return (time.process_time() if system.inside else 0.0) + ended.ru_utime + ended.ru_stime + below


def _memory(system: System) -> int:
    """Bytes at the most, where there is no /proc to look into (asr.benchmark.process_tree); else 0.

    Of this process where it is the system, and of the largest child that has ended. On Linux the same call counts what
    the parent held when it forked.
    """
    if PROC.is_dir():
        return 0
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if system.inside else 0
    return max(own, children) * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
