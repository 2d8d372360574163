"""What does the length of what is learned from do to accuracy, speed and memory? Curriculum, frame rates, windows.

    python benchmarks/long_digits.py long-digits
    python benchmarks/sequence_length_effects.py --corpus long-digits --out runs/gradients --json effects.json

trains recipes/long-digits.toml with residual connections (outputs of 40 ms, utterances of up to 25 s) and one thing
changed at a time. Each run is a process of its own, whose highest memory is in its record. Words are counted over the
test part of all seeds. The difference to the base is tested over its utterances and speakers, with the errors of all
seeds added, and over the seeds, which vary more than that test can know. Runs that are complete are only read; with the
folder of gradients.py the base is there.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from statistics import mean, stdev
from typing import Any

from variants import RESIDUAL, Variant, described, parser_of, seconds_an_epoch, train

from asr import numerics
from asr.evaluation.significance import Paired, matched_pairs
from asr.files import write_json
from asr.runs.environment import read_code, read_environment
from asr.runs.record import Outcome, Record


def _strides(first: int, second: int) -> str:
    layers = (f"{{channels=16,stride=[{each},2]}}" for each in (first, second))
    return f"model.convolutions=[{','.join(layers)}]"


def _changed(name: str, *changes: str) -> Variant:
    return Variant(f"{RESIDUAL.name}-{name}", (*RESIDUAL.changes, *changes))


VARIANTS = {
    RESIDUAL: "base: outputs of 40 ms, utterances as a whole",
    _changed("curriculum", "train.curriculum=2"): "from short to long in epochs 1 and 2",
    _changed("20-ms", _strides(1, 1)): "outputs of 20 ms",
    _changed("80-ms", _strides(2, 2)): "outputs of 80 ms",
    _changed("windows", "train.window_seconds=8", "train.overlap_seconds=2"): "windows of 8 s, overlap 2 s",
}


def main() -> None:
    numerics.pin()  # before torch loads
    options = parser_of(__doc__).parse_args()
    records = train(tuple(VARIANTS), options)
    runs = [
        row_of(variant, seed, records[variant.name, seed], options)
        for variant in VARIANTS
        for seed in options.seeds
        if (variant.name, seed) in records
    ]
    effects = [
        effect(variant, [row for row in runs if row["variant"] == variant.name], records)
        for variant in VARIANTS
        if any(row["variant"] == variant.name for row in runs)
    ]
    _print(effects)
    if options.json:
        tree = {
            "benchmark": "sequence_length_effects",
            "effects": effects,
            "runs": runs,
            "code": read_code().model_dump(mode="json"),
            "environment": read_environment().model_dump(mode="json"),
        }
        write_json(options.json, tree)


def row_of(variant: Variant, seed: int, record: Record, options: argparse.Namespace) -> dict[str, Any]:
    """A run: accuracy, time of the processor an epoch, memory, and how it came there."""
    assert record.times is not None
    return {
        **described(variant, seed, record),
        "processor_seconds_an_epoch": seconds_an_epoch(variant, seed, options.out),
        "training_seconds": record.times.training,
        "peak_memory": max(session.peak_memory for session in record.sessions),
        "epochs": [
            {"epoch": each.epoch, "train_loss": each.train_loss, "dev_wer": each.dev.wer}
            for each in record.epochs
        ],
    }


def effect(
    variant: Variant, rows: Sequence[dict[str, Any]], records: dict[tuple[str, int], Record]
) -> dict[str, Any]:
    """Of all seeds of a variant."""
    rates, seeds = [row["wer"] for row in rows], [row["seed"] for row in rows]
    took = [row["processor_seconds_an_epoch"] for row in rows]
    test, seeds_test = None, None
    if variant != RESIDUAL and all((RESIDUAL.name, seed) in records for seed in seeds):
        both = (added([records[each.name, seed] for seed in seeds]) for each in (RESIDUAL, variant))
        test = asdict(matched_pairs(Paired.of(*both)))
        base = [records[RESIDUAL.name, seed].results["test"].wer for seed in seeds]
        seeds_test = over_seeds([rate - other for rate, other in zip(rates, base, strict=True)])
    return {
        "variant": variant.name,
        "title": VARIANTS[variant],
        "seeds": seeds,
        "wer": rates,
        "mean": mean(rates),
        "deviation": stdev(rates) if len(rates) > 1 else None,
        "processor_seconds_an_epoch": mean(took) if all(took) else None,
        "peak_memory": mean(row["peak_memory"] for row in rows),
        "parameters": rows[0]["parameters"],
        "against_the_base": test,
        "over_seeds": seeds_test,
    }


def over_seeds(differences: Sequence[float]) -> dict[str, float] | None:
    """Paired t-test, two-sided, that the difference of a seed is zero in the mean."""
    from scipy.special import stdtr

    if len(differences) < 2 or not (deviation := stdev(differences)):
        return None
    statistic = abs(mean(differences)) / deviation * math.sqrt(len(differences))
    return {"deviation": deviation, "p": 2 * float(stdtr(len(differences) - 1, -statistic))}


def added(records: Sequence[Record]) -> dict[str, Outcome]:
    """Words and word errors of each test utterance, over all runs."""
    found = {}
    for name, first in records[0].outcomes["test"].items():
        every = [record.outcomes["test"][name] for record in records]
        words, errors = sum(each.words for each in every), sum(each.errors for each in every)
        found[name] = first.model_copy(update={"words": words, "errors": errors})
    return found


def _print(effects: Sequence[dict[str, Any]]) -> None:
    tested = "against the base, 95 %; p over utterances, over seeds"
    print(f"| | WER | each seed | {tested} | processor, an epoch | memory | parameters |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for each in effects:
        spread = "" if each["deviation"] is None else f" ± {100 * each['deviation']:.1f}"
        test, took, against = each["against_the_base"], each["processor_seconds_an_epoch"], ""
        if test:
            low, high = (100 * limit for limit in test["interval_95"])
            against = f"{100 * test['difference']:+.1f} ({low:+.1f} to {high:+.1f}); {test['p']:.2g}"
            against += f", {each['over_seeds']['p']:.2g}" if each["over_seeds"] else ""
        print(
            f"| {each['title']} | {each['mean']:.1%}{spread} | {', '.join(f'{rate:.1%}' for rate in each['wer'])} "
            f"| {against} | {took or 0:.1f} s | {each['peak_memory'] / 2**20:.0f} MiB | {each['parameters']:,} |"
        )


if __name__ == "__main__":
    main()
