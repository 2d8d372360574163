"""What strict determinism costs: a training step of the default model, strict and otherwise, on all cores.

    python benchmarks/strict_mode.py --json strict_mode.json

Environment variables decide, and must be set before torch loads: so each measurement is a process of its own. They take
turns for several rounds, so that a machine that slows down slows all of them down; the middle time of each counts.
"""

import argparse
import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steps import in_process, take_steps

from asr import numerics


@dataclass(frozen=True)
class Mode:
    """One way to compute the same steps."""

    meaning: str
    determinism: numerics.Determinism = "strict"
    pinned: bool = True  # environment variables and torch's settings
    instructions: str = "auto"
    float_sum: bool = False  # plain addition of gradients, though each worker has one thread
    digest_every: int = 50  # steps


MODES = {
    "strict": Mode("as runs are made"),
    "strict, AVX2": Mode("the same, kernels of AVX2", instructions="AVX2"),
    "digests each step": Mode("strict, and the whole state digested after each step", digest_every=1),
    "bare": Mode(
        "one thread a worker, nothing else pinned, floats added, no digests of the state",
        pinned=False,
        float_sum=True,
        digest_every=10**9,
    ),
    "off": Mode("as the libraries choose: one worker that has all threads", determinism="off", pinned=False),
}


@dataclass(frozen=True)
class Settings:
    """Steps of two micro-batches of four utterances of 2 to 4 seconds, through recipes/an4.toml's model."""

    rounds: int = 5
    steps: int = 10
    warm_up: int = 2  # steps that do not count


def main() -> None:
    options = _options()
    if options.mode:
        print(json.dumps(measure(MODES[options.mode], _settings(options))))
        return
    settings = _settings(options)
    times: dict[str, list[float]] = {name: [] for name in MODES}
    for _ in range(settings.rounds):
        for name, taken in times.items():
            taken += in_process(__file__, ["--mode", name], settings)
    _print(times)
    if options.json:
        from asr.files import write_json
        from asr.runs.environment import read_environment

        middle = statistics.median(times["bare"])
        write_json(
            options.json,
            {
                "benchmark": "strict_mode",
                "settings": asdict(settings),
                "modes": {name: asdict(mode) for name, mode in MODES.items()},
                "seconds": times,
                "ratio_to_bare": {name: statistics.median(taken) / middle for name, taken in times.items()},
                "environment": read_environment().model_dump(mode="json"),
            },
        )


def measure(mode: Mode, settings: Settings) -> list[float]:
    """Seconds of each step, in this process, which must not have imported torch."""
    if mode.pinned:
        numerics.pin(mode.determinism, mode.instructions)
    recipe = _recipe(mode)
    device = numerics.choose_device("cpu", "strict" if mode.pinned else "off")
    steps = settings.steps + settings.warm_up

    def change(trainer: Any) -> None:
        if mode.float_sum:
            from asr.training.gradients import FloatSum

            trainer.steps.computer.sum = FloatSum(trainer.learner.model.parameters())

    taken = take_steps(recipe, device, steps, utterances=8, workers=numerics.available_cores(), change=change)
    return taken.seconds[settings.warm_up :]


def _recipe(mode: Mode) -> Any:
    from asr.recipe_file import load_recipe

    changes = [
        f'numerics.determinism="{mode.determinism}"',
        f"train.digest_every={mode.digest_every}",
        "train.checkpoint_seconds=1e6",
    ]
    return load_recipe(Path(__file__).resolve().parents[1] / "recipes" / "an4.toml", changes)


def _print(times: dict[str, list[float]]) -> None:
    middle = statistics.median(times["bare"])
    print(f"{'':18} {'step':>9} {'fastest':>9} {'ratio':>6}")
    for name, taken in times.items():
        each = statistics.median(taken)
        print(
            f"{name:18} {each * 1e3:6.0f} ms {min(taken) * 1e3:6.0f} ms {each / middle:6.2f}  {MODES[name].meaning}"
        )


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(**{name: getattr(options, name) for name in asdict(Settings())})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"({default})")
    parser.add_argument("--mode", choices=MODES, help="measure this one, in this process")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
