"""A training step beside what the processor can do, and beside the same model on packed sequences.

    python benchmarks/training_step.py --json training_step.json

Counts the multiply-adds of a step, measures the rate of matrix products on one core (the best of two libraries), and
says which share of it the recurrent layers reach inside a real step. Whole steps are timed in processes of their own,
which take turns, so that a machine that slows down slows all of them down; the middle time of each counts.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import noise
from multiply_adds import multiply_adds
from steps import in_process, take_steps

from asr import numerics


@dataclass(frozen=True)
class Mode:
    """One way to compute the same steps."""

    meaning: str
    workers: int = 0  # 0: as many as there are cores
    packed: bool = False  # nn.LSTM on packed sequences, as it is usually written
    strict: bool = True  # else as the libraries choose: one worker that has all threads


MODES = {
    "ours": Mode("as runs are made: a worker a core"),
    "ours, one core": Mode("one worker", workers=1),
    "packed, one core": Mode("one worker, packed sequences", workers=1, packed=True),
    "packed": Mode("a worker a core, packed sequences", packed=True),
    "packed, as usual": Mode(
        "nothing pinned, all threads on one micro-batch at a time",
        packed=True,
        strict=False,
    ),
}
PROFILED = "ours, one core"


@dataclass(frozen=True)
class Settings:
    """Steps of two micro-batches through recipes/an4.toml's model."""

    utterances: int = 8  # in a micro-batch
    shortest: float = 2.0  # seconds
    longest: float = 4.0
    rounds: int = 3
    steps: int = 8
    warm_up: int = 2  # steps that do not count


def main() -> None:
    options = _options()
    settings = Settings(**{name: getattr(options, name) for name in asdict(Settings())})
    if options.mode:
        print(json.dumps(measure(MODES[options.mode], settings)))
        return
    if options.profile:
        print(json.dumps(profile(settings)))
        return
    rate = in_process(__file__, ["--profile"], settings)
    times: dict[str, list[float]] = {name: [] for name in MODES}
    for _ in range(settings.rounds):
        for name, taken in times.items():
            taken += in_process(__file__, ["--mode", name], settings)
    _print(settings, rate, times)
    if options.json:
        _write(options.json, settings, rate, times)


def measure(mode: Mode, settings: Settings) -> list[float]:
    """Seconds of each step, in this process, which must not have imported torch."""
    if mode.strict:
        numerics.pin()
    if mode.packed:
        _use_packed_sequences()
    determinism: numerics.Determinism = "strict" if mode.strict else "off"
    taken = take_steps(
        _recipe(settings, determinism),
        numerics.choose_device("cpu", determinism),
        settings.steps + settings.warm_up,
        utterances=2 * settings.utterances,
        shortest=settings.shortest,
        longest=settings.longest,
        workers=mode.workers or numerics.available_cores(),
    )
    return taken.seconds[settings.warm_up :]


def profile(settings: Settings) -> dict[str, float]:
    """Of micro-batches on one core: rates in multiply-adds a second, and shares of time."""
    numerics.pin()
    import torch

    from asr.randomness import Draws
    from asr.runs.learning import begin
    from asr.training.micro_batch import gradients, load

    torch.set_num_threads(1)
    recipe = _recipe(settings, "strict")
    count = settings.steps + settings.warm_up
    needed = done = recurrent = 0.0
    loading = computing = 0.0
    profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU])
    with tempfile.TemporaryDirectory() as folder:
        utterances = _utterances(Path(folder), settings, count)
        beginning = begin(recipe, utterances, torch.device("cpu"))
        model = beginning.model.train()
        rows = sorted(range(len(utterances)), key=lambda row: utterances[row].duration)
        for number in range(count):
            if number == settings.warm_up:
                profiler.start()
            start = time.perf_counter()
            batch = load(beginning.examples, tuple(rows[number :: 2 * count]), recipe, 0)
            loaded = time.perf_counter()
            gradients(model, batch, Draws(1, 0, number, 0, batch.ids), recipe, 100)
            if number >= settings.warm_up:
                loading += loaded - start
                computing += time.perf_counter() - loaded
                counted = multiply_adds(model, batch.waveform_lengths.tolist(), training=True)
                needed += counted.needed
                done += counted.done
                recurrent += counted.recurrent_done
        profiler.stop()
    spent = sum(
        event.self_cpu_time_total for event in profiler.key_averages() if "mkldnn_rnn_layer" in event.key
    )
    products = matrix_product_rates(settings)
    return {
        **products,
        "recurrent": recurrent / (spent / 1e6),
        "step": done / computing,
        "recurrent_share_of_time": spent / 1e6 / computing,
        "loading_share_of_time": loading / (loading + computing),
        "padding": 1 - needed / done,
        "multiply_adds": done / settings.steps,
    }


def matrix_product_rates(settings: Settings) -> dict[str, float]:
    """Multiply-adds a second of one thread, by torch.mm (MKL) and by oneDNN, which has most of a step's work here."""
    import torch

    frames = round(settings.utterances * settings.longest * 50)
    best = {"mkl": 0.0, "onednn": 0.0}
    linear: Any = torch.ops.mkldnn._linear_pointwise
    for m, k, n in ((1024, 1024, 1024), (frames, 512, 1024)):
        a, b = torch.randn(m, k), torch.randn(n, k)
        ways: dict[str, Callable[[], object]] = {
            "mkl": lambda a=a, b=b: torch.mm(a, b.t()),
            "onednn": lambda a=a, b=b: linear(a, b, None, "none", [], ""),
        }
        for name, product in ways.items():
            with torch.no_grad():
                best[name] = max(best[name], m * k * n / _fastest(product))
    return best


def _fastest(call: Callable[[], object], repeats: int = 15) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _use_packed_sequences() -> None:
    """The recurrent layer as the field writes it; everything else stays."""
    from torch import Tensor, nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    from asr.model.recurrent import LstmLayer

    def forward(layer: nn.LSTM, values: Tensor, lengths: Tensor, *_steps: object) -> Tensor:
        packed = pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
        outputs, _ = pad_packed_sequence(
            nn.LSTM.forward(layer, packed)[0], batch_first=True, total_length=values.shape[1]
        )
        return outputs

    LstmLayer.forward = forward  # type: ignore[assignment, method-assign]


def _recipe(settings: Settings, determinism: numerics.Determinism) -> Any:
    from asr.recipe_file import load_recipe

    changes = [
        f'numerics.determinism="{determinism}"',
        f"train.utterances={settings.utterances}",
        "train.seconds=1e6",
        "train.checkpoint_seconds=1e6",
    ]
    return load_recipe(Path(__file__).resolve().parents[1] / "recipes" / "an4.toml", changes)


def _utterances(folder: Path, settings: Settings, steps: int) -> list[Any]:
    return noise.utterances(folder, 2 * settings.utterances * steps, settings.shortest, settings.longest)


def _print(settings: Settings, rate: dict[str, float], times: dict[str, list[float]]) -> None:
    best = max(rate["mkl"], rate["onednn"])
    print(
        f"micro-batches of {settings.utterances} utterances of {settings.shortest:g} to {settings.longest:g} s, two a "
        f"step; {rate['multiply_adds'] / 1e9:.1f} G multiply-adds a micro-batch, {rate['padding']:.1%} of them for "
        "padding\n"
    )
    print("one core, G multiply-adds a second")
    for name, meaning in (
        ("mkl", "matrix product, MKL"),
        ("onednn", "matrix product, oneDNN"),
        ("recurrent", "recurrent layers in a step"),
        ("step", "whole micro-batch"),
    ):
        print(f"  {meaning:28} {rate[name] / 1e9:6.1f}  {rate[name] / best:6.1%} of the best product")
    print(f"  recurrent layers take {rate['recurrent_share_of_time']:.1%} of the time of a micro-batch")
    print(f"  loading and augmenting audio takes {rate['loading_share_of_time']:.1%}\n")
    ours, single = (statistics.median(times[name]) for name in ("ours", PROFILED))
    print(f"{'whole step':26} {'median':>9} {'fastest':>9} {'ratio to ours':>14}")
    for name, taken in times.items():
        each = statistics.median(taken)
        base = single if MODES[name].workers == 1 else ours
        print(
            f"{name:26} {each * 1e3:6.0f} ms {min(taken) * 1e3:6.0f} ms {each / base:14.2f}  {MODES[name].meaning}"
        )
    print(f"\ntwo workers over one: {single / ours:.2f} times as fast")


def _write(path: Path, settings: Settings, rate: dict[str, float], times: dict[str, list[float]]) -> None:
    from asr.files import write_json
    from asr.runs.environment import read_environment

    write_json(
        path,
        {
            "benchmark": "training_step",
            "settings": asdict(settings),
            "modes": {name: asdict(mode) for name, mode in MODES.items()},
            "one_core": rate,
            "seconds": times,
            "environment": read_environment().model_dump(mode="json"),
        },
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    for name, default in asdict(Settings()).items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=type(default), default=default, help=f"({default})")
    parser.add_argument("--mode", choices=MODES, help="measure one mode in this process, and print its times")
    parser.add_argument(
        "--profile", action="store_true", help="measure rates in this process, and print them"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
