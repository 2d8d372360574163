"""What several processes gain, and what the exact sum of gradients costs them: steps of the AN4 model on noise.

    python benchmarks/processes.py --json processes.json

Every layout computes the same steps of four micro-batches, and must end in the same weights. The layouts take turns for
several rounds, and the middle time counts. Then, in the same processes, a row of as many numbers as the model has is
added up alone, as 64-bit integers and as float32.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from steps import take_steps

from asr import numerics

ROOT = Path(__file__).resolve().parents[1]
LAYOUTS = ((1, 1), (1, 2), (2, 1), (4, 1))  # processes, workers in each


@dataclass(frozen=True)
class Settings:
    """Steps of four micro-batches of four utterances of 2 to 4 seconds, through recipes/an4.toml's model."""

    rounds: int = 3
    steps: int = 6
    warm_up: int = 2  # steps that do not count
    sums: int = 15  # exchanges of each kind


@dataclass
class Taken:
    """Seconds."""

    steps: list[float] = field(default_factory=list)
    exchange: list[float] = field(default_factory=list)  # of a step, waiting for the slowest included
    sums: dict[str, list[float]] = field(default_factory=dict)
    weights: str = ""  # digest
    numbers: int = 0  # of the model


def main() -> None:
    options = _options()
    settings = Settings(**{name: getattr(options, name) for name in asdict(Settings())})
    if options.place:
        rank, size, workers, port = options.place
        print(json.dumps(asdict(measure(rank, size, workers, port, settings))))
        return
    found = {layout: Taken() for layout in LAYOUTS}
    for _ in range(settings.rounds):
        for layout, taken in found.items():
            _add(taken, _in_processes(*layout, settings))
    if len({taken.weights for taken in found.values()}) != 1:
        raise SystemExit("the layouts do not end in the same weights")
    _print(found)
    if options.json:
        _write(options.json, settings, found)


def measure(rank: int, size: int, workers: int, port: int, settings: Settings) -> Taken:
    """One process of a layout, which must not have imported torch."""
    numerics.pin()

    from asr.model.bundle import weights_digest
    from asr.recipe_file import load_recipe
    from asr.training.joining import find_store, join, leave
    from asr.training.ranks import Ranks

    recipe = load_recipe(
        ROOT / "recipes" / "an4.toml",
        ["train.micro_batches=4", "train.checkpoint_seconds=1e6", "train.epochs=1"],
    )
    ranks = Ranks() if size == 1 else join(rank, size, find_store(port, size))
    timed = _timed(ranks)
    done = take_steps(
        recipe,
        numerics.choose_device("cpu"),
        settings.steps + settings.warm_up,
        utterances=16,
        workers=workers,
        ranks=timed,
    )
    taken = Taken(
        steps=done.seconds[settings.warm_up :],
        exchange=_spent(timed, done.ends)[settings.warm_up :],
        weights=weights_digest(dict(done.model.named_parameters())),
        numbers=sum(parameter.numel() for parameter in done.model.parameters()),
    )
    if size > 1:
        taken.sums = _sums(taken.numbers, settings.sums)
    leave()
    return taken


def _timed(ranks: Any) -> Any:
    """The same ranks, which note when they exchange, and how long it takes."""
    from torch import Tensor

    from asr.training.ranks import Ranks

    class Timed(Ranks):
        noted: list[tuple[float, float]] = []  # noqa: RUF012  # of the only one

        def add(self, numbers: Tensor) -> None:
            started = time.perf_counter()
            super().add(numbers)
            self.noted.append((started, time.perf_counter()))

    return Timed(ranks.rank, ranks.size)


def _spent(timed: Any, ends: list[float]) -> list[float]:
    """In the exchanges of each step."""
    return [
        sum(end - start for start, end in timed.noted if before <= start < after)
        for before, after in pairwise(ends)
    ]


def _sums(numbers: int, count: int) -> dict[str, list[float]]:
    """Seconds of one exchange of each kind, in turns."""
    import torch

    from asr.training import ranks

    distributed: Any = torch.distributed
    whole, single = torch.ones(numbers, dtype=torch.int64), torch.ones(numbers)
    pieces: dict[str, Callable[[], Any]] = {
        f"int64 in {count} pieces": lambda count=count: _in_pieces(ranks, whole, count)
        for count in (2, 4, 8, 16)
    }
    kinds: dict[str, Callable[[], Any]] = {
        "float32": lambda: distributed.all_reduce(single),
        "int64 in one": lambda: distributed.all_reduce(whole),
        **pieces,
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(count + 2):
        for kind, add in kinds.items():
            whole.fill_(1)
            distributed.barrier()
            started = time.perf_counter()
            add()
            if turn >= 2:
                taken[kind].append(time.perf_counter() - started)
    return taken


def _in_pieces(module: Any, row: Any, count: int) -> None:
    before, module.PIECES = module.PIECES, count
    module.Ranks(0, 2).add(row)  # asks nobody for its rank
    module.PIECES = before


def _in_processes(size: int, workers: int, settings: Settings) -> Taken:
    from asr.training.joining import open_store

    store = open_store(size)
    command = [sys.executable, __file__]
    for key, value in asdict(settings).items():
        command += [f"--{key.replace('_', '-')}", str(value)]
    started = [
        subprocess.Popen(
            [*command, "--place", *map(str, (rank, size, workers, store.port))],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        said = [process.communicate(timeout=300)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    found = [Taken(**json.loads(text.splitlines()[-1])) for text in said]
    if len({one.weights for one in found}) != 1:
        raise SystemExit(f"the ranks of {size} do not end in the same weights")
    return found[0]


def _add(taken: Taken, more: Taken) -> None:
    if taken.weights not in ("", more.weights):
        raise SystemExit("two rounds do not end in the same weights")
    taken.weights, taken.numbers = more.weights, more.numbers
    taken.steps += more.steps
    taken.exchange += more.exchange
    for kind, seconds in more.sums.items():
        taken.sums.setdefault(kind, []).extend(seconds)


def _print(found: dict[tuple[int, int], Taken]) -> None:
    alone = statistics.median(found[1, 1].steps)
    print(f"{'processes':>9} {'workers':>7} {'step':>9} {'speed-up':>8} {'exchange':>9}")
    for (processes, workers), taken in found.items():
        step, exchange = statistics.median(taken.steps), statistics.median(taken.exchange)
        print(f"{processes:9} {workers:7} {step * 1e3:6.0f} ms {alone / step:8.2f} {exchange * 1e3:6.1f} ms")
    print(f"the same weights in all: {found[1, 1].weights[:16]}")
    numbers = found[1, 1].numbers
    print(
        f"\none sum of {numbers:,} numbers, {numbers * 8 / 1e6:.0f} MB as integers, {numbers * 4 / 1e6:.0f} as floats"
    )
    for (processes, _), taken in found.items():
        for kind, seconds in taken.sums.items():
            print(
                f"{processes:9} processes  {kind:20} {statistics.median(seconds) * 1e3:6.1f} ms  "
                f"fastest {min(seconds) * 1e3:6.1f} ms"
            )


def _write(path: Path, settings: Settings, found: dict[tuple[int, int], Taken]) -> None:
    from asr.files import write_json
    from asr.runs.environment import read_environment

    alone = statistics.median(found[1, 1].steps)
    write_json(
        path,
        {
            "benchmark": "processes",
            "settings": asdict(settings),
            "layouts": [
                {
                    "processes": processes,
                    "workers": workers,
                    "speed_up": alone / statistics.median(taken.steps),
                    **asdict(taken),
                }
                for (processes, workers), taken in found.items()
            ],
            "environment": read_environment().model_dump(mode="json"),
        },
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"({default})")
    parser.add_argument(
        "--place", type=int, nargs=4, metavar="N", help="rank, size, workers, port: be that process"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
