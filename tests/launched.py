"""Processes of one training as a launcher starts them, on machines that are pretended: each with its own folders.

Torchrun itself takes seconds to start; what matters to `asr run` are the environment variables that it sets.
"""

import contextlib
import itertools
import os
import socket
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import sessions
from sessions import Run

from asr.recipe import Recipe


def environment(rank: int, machines: Sequence[int], port: int) -> dict[str, str]:
    """What torchrun sets for a rank, when so many processes are on each machine."""
    nodes = [node for node, count in enumerate(machines) for _ in range(count)]
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(len(nodes)),
        "LOCAL_RANK": str(rank - nodes.index(nodes[rank])),
        "LOCAL_WORLD_SIZE": str(machines[nodes[rank]]),
        "GROUP_RANK": str(nodes[rank]),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


# Below those that Linux gives to whoever asks for any (32768 and up): between this moment and the one in which it is
# taken, seconds may go by. Sixteen for each process, so that tests side by side do not choose the same.
_PORTS = itertools.cycle(range(10_000 + os.getpid() % 1_250 * 16, 10_000 + os.getpid() % 1_250 * 16 + 16))


def free_port() -> int:
    """One that nobody else will have been given when a launched process takes it."""
    for port in itertools.islice(_PORTS, 16):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # connections of the one before may linger
            probe.bind(("", port))
            return port
    raise AssertionError(f"no port is free up to {port}")


class Machines:
    """Machines that share nothing: each has its corpus, its cache and its run folder."""

    def __init__(self, folder: Path, corpora: Sequence[Path], settings: Recipe) -> None:
        self.runs = [Run(folder / f"machine-{node}", corpus, settings) for node, corpus in enumerate(corpora)]
        for node, run in enumerate(self.runs):
            run.cache = folder / f"cache-{node}"
        self.lead = self.runs[0]
        self.outputs: list[Path] = []

    def launch(
        self, *counts: int, more: Mapping[int, Sequence[str]] | None = None, workers: int = 1
    ) -> list[BaseProcess]:
        """Started processes, by rank; so many on each machine.

        Args:
            more: further arguments, by rank.
        """
        port, started = free_port(), []
        self.outputs = []
        for node, count in enumerate(counts):
            for _ in range(count):
                rank, run = len(started), self.runs[node]
                words = run.arguments(workers)
                del words[words.index("--processes") : words.index("--processes") + 2]
                self.outputs.append(run.out.parent / f"output-{rank}")
                process = sessions.nursery.Process(
                    target=_ranked,
                    args=(
                        [*words, *(more or {}).get(rank, ())],
                        str(self.outputs[rank]),
                        environment(rank, counts, port),
                    ),
                )
                process.start()
                started.append(process)
        return started

    def said(self, rank: int) -> str:
        """Standard output and error of a process of the last launch."""
        return self.outputs[rank].read_text(encoding="utf-8", errors="replace")

    def errors(self, rank: int) -> list[str]:
        assert "Traceback" not in self.said(rank), self.said(rank)
        return [line for line in self.said(rank).splitlines() if line.startswith("asr: ")]


def statuses(started: Sequence[BaseProcess], seconds: float = sessions.PATIENCE) -> list[int | None]:
    """Exit statuses; None for one that hung, which is killed as all others then are."""
    return [sessions.ended(process, seconds) for process in started]


def _ranked(arguments: list[str], output: str, variables: dict[str, str]) -> None:
    """Runs in the new process."""
    os.setsid()  # as torchrun does it
    os.environ.update(variables)
    stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(stream, standard)
    from asr.cli.main import main

    os._exit(main(arguments))
