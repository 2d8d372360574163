"""Steps of a training on noise, timed: what benchmarks of them have in common.

Environment variables decide, and must be set before torch loads: so each measurement is a process of its own, and torch
is imported late.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import noise


@dataclass(frozen=True)
class Taken:
    """A training that was stopped after some steps."""

    model: Any
    ends: list[float]  # when it began, and when each step ended: seconds of time.perf_counter

    @property
    def seconds(self) -> list[float]:
        """Of each step."""
        return [after - before for before, after in pairwise(self.ends)]


def take_steps(
    recipe: Any,
    device: Any,
    steps: int,
    *,
    utterances: int,
    shortest: float = 2.0,
    longest: float = 4.0,
    workers: int,
    ranks: Any = None,
    change: Callable[[Any], None] = lambda trainer: None,
) -> Taken:
    """Trains for some steps on noise of `shortest` to `longest` seconds.

    Args:
        utterances: in a step.
        ranks: of several processes.
        change: what is to be otherwise in the trainer.
    """
    from asr.runs.learning import begin
    from asr.training.ranks import Ranks
    from asr.training.reports import Interrupted, StepReport, Watcher
    from asr.training.trainer import Trainer

    class Clock(Watcher):
        def __init__(self) -> None:
            self.ends = [time.perf_counter()]

        def on_step(self, report: StepReport) -> None:  # noqa: ARG002
            self.ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        # One step more, so that the epoch does not end.
        heard = noise.utterances(Path(folder), utterances * (steps + 1), shortest, longest)
        beginning = begin(recipe, heard, device)
        clock = Clock()
        trainer = Trainer(
            beginning.model,
            beginning.examples,
            recipe,
            Path(folder),
            evaluate=_never,
            settings="",
            workers=workers,
            ranks=ranks or Ranks(),
            last_step=steps,
            watcher=clock,
        )
        change(trainer)
        with suppress(Interrupted):
            trainer.train()
    return Taken(beginning.model, clock.ends)


def _never(_model: object) -> Any:
    raise AssertionError("the training stops before its epoch ends")


def in_process(script: str, arguments: list[str], settings: Any) -> Any:
    """What a script prints last, as JSON, when it is called with these arguments and settings (a dataclass).

    Raises:
        SystemExit: it failed; says why.
    """
    command = [sys.executable, script, *arguments]
    for key, value in asdict(settings).items():
        command += [f"--{key.replace('_', '-')}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
