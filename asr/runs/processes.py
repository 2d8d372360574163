"""Several processes for one training: the run's own leads, the others follow and compute their share of each step.

A follower is started with the run folder, in which it finds recipe, training manifest and checkpoint, and writes
nothing. When the lead ends, in whatever way, the followers notice by the connection and end too.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch

from asr.errors import AsrError, TrainingError
from asr.manifest import read_manifest
from asr.numerics import choose_device
from asr.recipe_file import load_recipe
from asr.runs.environment import code_digest
from asr.runs.folder import RunFolder
from asr.runs.learning import begin
from asr.tokenizer import tokenizer_from_json
from asr.training.joining import count_ready, find_store, join, leave, open_store, say_ready
from asr.training.ranks import Ranks, with_cards
from asr.training.reports import Interrupted
from asr.training.trainer import Trainer

GRACE = 3.0  # seconds that followers get before they are told that nobody is left
PATIENCE = 20.0  # seconds that followers get to end by themselves
_HERE = "here"  # all are on this machine
POLL = 0.05  # seconds between two looks at followers that get ready


@dataclass(frozen=True)
class Follower:
    """A process that was started."""

    rank: int
    process: "subprocess.Popen[bytes]"


@contextmanager
def several(
    size: int,
    folder: RunFolder,
    settings: str,
    *,
    workers: int,
    device: str,
    on: torch.device,
    last_step: int,
    should_stop: Callable[[], bool],
) -> Iterator[Ranks]:
    """Starts `size` - 1 followers and yields the lead's rank; afterwards none is left.

    Args:
        settings: digest of what the training depends on, as for `Trainer`.
        workers: threads in each process.
        device: auto, cpu, cuda; of several CUDA devices each process takes its own.
        on: the lead's device.
        should_stop: asked while the followers get ready.

    Raises:
        TrainingError: a follower has ended before the training began.
        Interrupted: `should_stop` said so.
    """
    if size == 1:
        yield Ranks()
        return
    # Local processes meet on the loopback device, whatever this machine's name resolves to.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store, code = open_store(size), code_digest()
    started: list[Follower] = []
    try:
        for rank in range(1, size):
            places = map(str, (rank, size, store.port, workers, last_step))
            started.append(_start(rank, [str(folder.path), settings, *places, device, code]))
        ranks = _gather(size, store, started, folder, should_stop)
        yield with_cards(ranks, on, _HERE)
    finally:
        leave()
        _end(started)


def _start(rank: int, arguments: Sequence[str]) -> Follower:
    """In a session of its own, which a Ctrl-C in the terminal does not reach; the pipe closes when the lead ends."""
    # -P: the working directory may hold other code than the lead runs.
    command = [sys.executable, "-P", "-m", "asr.runs.processes", *arguments]
    return Follower(rank, subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))


def _gather(
    size: int, store: Any, started: Sequence[Follower], folder: RunFolder, should_stop: Callable[[], bool]
) -> Ranks:
    """Waits for all, and notices when one ends; only then joins, in a thread, as that wait hears nothing."""
    joined: list[Ranks | Exception] = []

    def try_to_join() -> None:
        try:
            joined.append(join(0, size, store))
        except RuntimeError as error:
            joined.append(error)

    joining = threading.Thread(target=try_to_join, daemon=True)
    while not joined:
        if not joining.ident and count_ready(store) == size - 1:
            joining.start()
        for follower in started:
            if (status := follower.process.poll()) is not None:
                raise TrainingError(
                    f"rank {follower.rank} of {size} ended before the training began (exit status {status})"
                )
        if should_stop():
            raise Interrupted(folder.path)
        time.sleep(POLL)
    if isinstance(joined[0], Exception):
        raise TrainingError(f"the {size} processes cannot reach each other: {joined[0]}") from None
    return joined[0]


def _end(started: Sequence[Follower]) -> None:
    """They have lost their lead: wait for them to notice, and not for ever."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end and any(follower.process.poll() is None for follower in started):
        time.sleep(POLL)  # one that has failed wants to say why
    for follower in started:
        assert follower.process.stdin is not None
        follower.process.stdin.close()
        try:
            follower.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            follower.process.kill()
            follower.process.wait()


def follow(
    folder: RunFolder,
    settings: str,
    rank: int,
    size: int,
    port: int,
    workers: int,
    last_step: int,
    device: str,
) -> None:
    """Takes part in a training until it ends or is interrupted.

    Raises:
        AsrError: the lead has ended, or what is in the folder cannot be learned from.
    """
    recipe = load_recipe(folder.recipe)
    chosen = choose_device(_device_of(rank, device), recipe.numerics.determinism)
    tokenizer = tokenizer_from_json(json.loads(folder.tokenizer.read_text(encoding="utf-8")))
    beginning = begin(recipe, read_manifest(folder.manifest("train")), chosen, tokenizer)
    store = find_store(port, size)
    say_ready(store)
    trainer = Trainer(
        beginning.model,
        beginning.examples,
        recipe,
        folder.path,
        evaluate=_never,
        settings=settings,
        workers=workers,
        ranks=with_cards(join(rank, size, store), chosen, _HERE),
        last_step=last_step,
    )
    try:
        trainer.train()
    except Interrupted:
        pass  # the lead says so
    finally:
        leave()


def _never(_model: object) -> NoReturn:
    raise AssertionError("only the lead evaluates")


def _device_of(rank: int, device: str) -> str:
    """Each process its own CUDA device, if they are not told which."""
    if device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        return f"cuda:{rank % torch.cuda.device_count()}"
    return device


def _end_with_the_lead() -> None:
    """The pipe from the lead closes when it ends, however that was: nobody is left to work for."""
    while os.read(0, 1):  # not sys.stdin, whose lock a daemon thread would hold at the end
        pass
    os._exit(1)


def main(arguments: Sequence[str]) -> int:
    """`python -m asr.runs.processes` with folder, settings, rank, size, port, workers, last step, device and code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the lead tells when to stop
    threading.Thread(target=_end_with_the_lead, daemon=True).start()
    folder, settings, rank, size, port, workers, last_step, device, code = arguments
    if code != code_digest():
        print(f"asr: rank {rank} of {size} found other code than the process that leads", file=sys.stderr)
        return 1
    try:
        follow(
            RunFolder(Path(folder)),
            settings,
            int(rank),
            int(size),
            int(port),
            int(workers),
            int(last_step),
            device,
        )
    except AsrError as error:
        print(f"asr: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
