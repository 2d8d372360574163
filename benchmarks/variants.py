"""Trains variants of recipes/long-digits.toml, each in a process of its own, and reads what their records say.

For benchmarks/gradients.py and benchmarks/sequence_length_effects.py. A run that is complete is only read, so both
go on where they were stopped, and share the runs that they have in common when they are given one folder.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.files import write_json
from asr.recipe import Recipe
from asr.recipe_file import load_recipe
from asr.runs.record import Record, read_record
from asr.runs.watcher import RunWatcher
from asr.training.reports import EpochReport

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "long-digits.toml"


@dataclass(frozen=True)
class Variant:
    """What is changed in the recipe."""

    name: str
    changes: tuple[str, ...] = ()  # as after --set

    def recipe(self, seed: int) -> Recipe:
        return load_recipe(RECIPE, [f"seed={seed}", *self.changes])

    def folder(self, runs: Path, seed: int) -> Path:
        return runs / f"{self.name}-s{seed}"


BASE = Variant("base")
# Begins to learn in the second epoch with every seed, which the base does not.
RESIDUAL = Variant("residual", ("model.projection=128", "model.residual=true", "train.epochs=4"))


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """With the options that both studies have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True, help="folder that long_digits.py has written")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="of these")
    parser.add_argument("--read", action="store_true", help="train nothing: what is complete is enough")
    parser.add_argument("--json", type=Path)
    return parser


def train(variants: Sequence[Variant], options: argparse.Namespace) -> dict[tuple[str, int], Record]:
    """By name and seed; those of one seed after the other, in case there is no time for all."""
    found = {}
    for seed in options.seeds:
        for variant in variants:
            if options.only and variant.name not in options.only:
                continue
            if options.read and not _is_complete(variant.folder(options.out, seed)):
                continue
            record = _record(variant, seed, options)
            assert record.times is not None
            wer, took = record.results["test"].wer, record.times.training
            print(f"{variant.name}, seed {seed}: WER {wer:.2%}, training {took:.0f} s", flush=True)
            found[variant.name, seed] = record
    return found


def _is_complete(folder: Path) -> bool:
    return folder.is_dir() and read_record(folder).status == "complete"


def _record(variant: Variant, seed: int, options: argparse.Namespace) -> Record:
    """Of the run, which is made if need be: by a fork, which has loaded torch and has its memory for itself."""
    import torch  # noqa: F401  # before the fork

    import asr.runs.run  # noqa: F401

    process = multiprocessing.get_context("fork").Process(target=_run, args=(variant, seed, options))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{variant.name}, seed {seed}: failed, see above")
    return read_record(variant.folder(options.out, seed))


def _run(variant: Variant, seed: int, options: argparse.Namespace) -> None:
    from asr.runs.options import RunOptions
    from asr.runs.run import run

    noted = ProcessorTime()
    settings = RunOptions(
        corpus=options.corpus,
        out=variant.folder(options.out, seed),
        cache=options.out / "cache",
        device="cpu",
        workers=1,
        command=f"a variant of recipes/{RECIPE.name}: {variant.name}",
    )
    run(variant.recipe(seed), settings, noted)
    if noted.epochs:
        write_json(_seconds_file(variant, seed, options.out), noted.epochs)


class ProcessorTime(RunWatcher):
    """What the processor has spent on this process up to the end of each epoch: others slow that down less."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    def on_epoch(self, report: EpochReport) -> None:  # noqa: ARG002
        self.epochs.append(time.process_time())


def seconds_an_epoch(variant: Variant, seed: int, out: Path) -> float | None:
    """Of the processor, with the development data; without the first epoch, in which kernels are compiled."""
    path = _seconds_file(variant, seed, out)
    noted = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return (noted[-1] - noted[0]) / (len(noted) - 1) if len(noted) > 1 else None


def _seconds_file(variant: Variant, seed: int, out: Path) -> Path:
    return variant.folder(out, seed).with_suffix(".seconds.json")


def described(variant: Variant, seed: int, record: Record) -> dict[str, Any]:
    """What both studies keep of a run."""
    assert record.model is not None
    return {
        "variant": variant.name,
        "changes": list(variant.changes),
        "seed": seed,
        "recipe_digest": record.recipe_digest,
        "weights": record.model.weights_digest,
        "parameters": record.model.parameters,
        "best_epoch": record.model.best_epoch,
        "wer": record.results["test"].wer,
        "wer_interval_95": record.results["test"].wer_interval_95,
        "dev_wer": record.results["dev"].wer,
    }
