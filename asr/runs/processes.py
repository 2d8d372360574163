"""Several processes for one training: the run's own leads, the others follow and compute their share of each step.

A follower is started with the run folder, in which it finds recipe, training manifest and checkpoint, and writes
nothing. When the lead ends, in whatever way, the followers notice by the connection and end too.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from asr.errors import AsrError
from asr.manifest import read_manifest
from asr.numerics import choose_device
from asr.recipe_file import load_recipe
from asr.runs.folder import RunFolder
from asr.runs.learning import begin
from asr.training.ranks import Ranks, join, leave, open_store
from asr.training.reports import Interrupted
from asr.training.trainer import Trainer

PATIENCE = 20.0  # seconds that followers get to end by themselves


@contextmanager
def several(
    size: int, folder: RunFolder, settings: str, *, workers: int, device: str, last_step: int
) -> Iterator[Ranks]:
    """Starts `size` - 1 followers and yields the lead's rank; afterwards none is left.

    Args:
        settings: digest of what the training depends on, as for `Trainer`.
        workers: threads in each process.
        device: auto, cpu, cuda; of several CUDA devices each process takes its own.
    """
    if size == 1:
        yield Ranks()
        return
    # Local processes meet on the loopback device, whatever this machine's name resolves to.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = open_store(size)
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "asr.runs.processes", str(folder.path), settings),
                *map(str, (rank, size, store.port, workers, last_step)),
                device,
            ],
            stdin=subprocess.DEVNULL,
        )
        for rank in range(1, size)
    ]
    try:
        yield join(0, size, store=store)
    finally:
        leave()
        _end(started)


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """They have lost their lead: wait for them to notice, and not for ever."""
    for process in started:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
    beginning = begin(recipe, read_manifest(folder.manifest("train")), chosen)
    trainer = Trainer(
        beginning.model,
        beginning.examples,
        recipe,
        folder.path,
        evaluate=_never,
        settings=settings,
        workers=workers,
        ranks=join(rank, size, port=port),
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
    import torch

    if device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        return f"cuda:{rank % torch.cuda.device_count()}"
    return device


def main(arguments: Sequence[str]) -> int:
    """`python -m asr.runs.processes FOLDER SETTINGS RANK SIZE PORT WORKERS LAST_STEP DEVICE`, started by the lead."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches all processes: the lead tells when to stop
    folder, settings, rank, size, port, workers, last_step, device = arguments
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
