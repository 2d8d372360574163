"""What a key of the network or of the training is worth on AN4: one changed at a time, three seeds, paired tests.

    python benchmarks/ablation.py --corpora ../corpora --out runs/ablation \\
        --records benchmarks/results/ablation-an4-2026-11-23

Every run is `asr run recipes/ablation/an4.toml --set KEY=VALUE --seed N` in a process of its own, so that its memory
is its own. Runs that are complete, and those whose record is in `--records`, are only read: it goes on where it was
stopped, and `--only`, `--seeds` share the work out among machines. Development data choose the epoch of each run; the
test part is read once by each, and nothing is chosen by it.

Two tests against the base. That of the networks compares the errors of all seeds in each utterance, over utterances and
speakers (`asr.evaluation.significance.matched_pairs`): it speaks of these trainings, not of other seeds; Holm's
correction is for all rows of the table. That of the recipes is a paired t-test over the seeds: few of them show little.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from asr import numerics
from asr.benchmark.ranking import holm
from asr.evaluation.significance import Paired, PairedTest, matched_pairs
from asr.files import write_json
from asr.runs.environment import read_environment
from asr.runs.folder import RECORD
from asr.runs.record import Record, read_record

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "ablation" / "an4.toml"
ARCHIVE = "an4_sphere.tar.gz"
SEEDS = (1, 2, 3)
BASE = "base"
VGG = "[{channels=16},{channels=16,pool=[2,2]},{channels=16},{channels=16,pool=[2,2]}]"
OF_20_MS = "[{channels=16,stride=[1,2]},{channels=16,stride=[2,2]}]"
VARIANTS: dict[str, tuple[str, ...]] = {  # more than one key only where one makes no sense without the other
    BASE: (),
    "gru": ("model.cell=gru",),
    "rnn": ("model.cell=rnn",),
    "one-direction": ("model.bidirectional=false",),
    "one-layer": ("model.layers=1",),
    "three-layers": ("model.layers=3",),
    "half-width": ("model.hidden=64",),
    "residual": ("model.residual=true",),
    "no-normalisation": ("model.normalisation=none",),
    "vgg": (f"model.convolutions={VGG}",),
    "20-ms": (f"model.convolutions={OF_20_MS}",),
    "pyramid": (f"model.convolutions={OF_20_MS}", "model.pyramid=1"),
    "attention-between": ("model.self_attention.place=between",),
    "attention-after": ("model.self_attention.place=after",),
    "attention-decoder": ("model.attention_decoder.layers=1", "model.attention_decoder.hidden=128"),
    "no-middle-loss": ("model.intermediate_loss=0",),
    "curriculum": ("train.curriculum=2",),
    "uniform-start": ("model.recurrent_start=uniform",),
    "no-clip": ("train.clip=1e9",),
}


@dataclass(frozen=True)
class Trial:
    """A training."""

    variant: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.variant}-seed{self.seed}"


@dataclass(frozen=True)
class Row:
    """A variant, by its runs."""

    variant: str
    records: tuple[Record, ...]  # by seed
    test: PairedTest | None  # against the base, the errors of all seeds together; None for the base itself
    p_holm: float | None
    p_seeds: float | None  # that the mean over seeds differs

    @property
    def rates(self) -> list[float]:
        return [record.results["test"].wer for record in self.records]


def main() -> None:
    numerics.pin()  # before torch loads
    options = _options()
    options.records.mkdir(parents=True, exist_ok=True)
    for trial in trials(options.only, options.seeds):
        record = _record(trial, options)
        test, dev = record.results["test"], record.results["dev"]
        print(f"{trial.name}: WER {test.wer:.2%}, dev {dev.wer:.2%}", flush=True)
    rows = table(_read(options.records))
    print_table(rows)
    if options.json:
        write_json(options.json, _tree(rows))


def trials(variants: Sequence[str], seeds: Sequence[int]) -> Iterator[Trial]:
    """Seed by seed, so that what there is can be compared when it is stopped."""
    for seed in seeds:
        for variant in variants:
            yield Trial(variant, seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=tuple(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--records", type=Path, required=True, help="folder in which their records are kept")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/attest-asr"))
    parser.add_argument("--workers", type=int, default=1, help="threads of each run")
    parser.add_argument("--json", type=Path, help="the table")
    return parser.parse_args()


def _record(trial: Trial, options: argparse.Namespace) -> Record:
    """Of a run that is there, or is made now."""
    kept = options.records / f"{trial.name}.json"
    if not kept.exists():
        folder = (options.out / trial.name).resolve()
        line = [sys.executable, "-m", "asr.cli.main", "run", str(RECIPE), "--seed", str(trial.seed)]
        line += ["--corpus", str(options.corpora / ARCHIVE), "--cache", str(options.cache)]
        line += ["--workers", str(options.workers), "--out", str(folder)]
        for change in VARIANTS[trial.variant]:
            line += ["--set", change]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        shutil.copyfile(folder / RECORD, kept.with_suffix(".new"))
        kept.with_suffix(".new").replace(kept)
    return read_record(kept)


def _read(folder: Path) -> dict[Trial, Record]:
    """What there is, whoever made it."""
    found = {}
    for variant in VARIANTS:
        for path in sorted(folder.glob(f"{variant}-seed*.json")):
            found[Trial(variant, int(path.stem.removeprefix(f"{variant}-seed")))] = read_record(path)
    return found


def table(records: Mapping[Trial, Record]) -> list[Row]:
    """Each variant on the seeds for which there is a base too; those without any are left out."""
    groups: dict[str, dict[int, Record]] = {}
    for trial, record in records.items():
        if Trial(BASE, trial.seed) in records:
            groups.setdefault(trial.variant, {})[trial.seed] = record
    bases = {variant: {seed: groups[BASE][seed] for seed in found} for variant, found in groups.items()}
    others = [variant for variant in groups if variant != BASE]
    tests = {variant: paired_test(bases[variant], groups[variant]) for variant in others}
    over_seeds = {variant: seeds_test(bases[variant], groups[variant]) for variant in others}
    corrected = dict(zip(others, holm([tests[variant].p for variant in others]), strict=True))
    return [
        Row(
            variant,
            tuple(found.values()),
            tests.get(variant),
            corrected.get(variant),
            over_seeds.get(variant),
        )
        for variant, found in groups.items()
    ]


def paired_test(first: Mapping[int, Record], second: Mapping[int, Record]) -> PairedTest:
    """Second minus first, on the test part: the errors of all seeds in an utterance are one observation.

    Raises:
        ValueError: not the same seeds, or not the same utterances.
    """
    if first.keys() != second.keys():
        raise ValueError(f"seeds {sorted(first)} against {sorted(second)}: the same ones are needed")
    pairs = [Paired.of(first[seed].outcomes["test"], second[seed].outcomes["test"]) for seed in first]
    if len({pair.ids for pair in pairs}) > 1:
        raise ValueError("the seeds were not tested on the same utterances")
    return matched_pairs(
        Paired(
            pairs[0].ids,
            pairs[0].speakers,
            sum(pair.words for pair in pairs),
            sum(pair.first for pair in pairs),
            sum(pair.second for pair in pairs),
        )
    )


def seeds_test(first: Mapping[int, Record], second: Mapping[int, Record]) -> float | None:
    """p of a paired t-test over the WER of the seeds, two-sided; None of one seed."""
    from scipy.stats import ttest_rel

    if len(first) < 2:
        return None
    rates = [[group[seed].results["test"].wer for seed in first] for group in (first, second)]
    return float(ttest_rel(*rates).pvalue)


COLUMNS = (
    "variant",
    "WER of seeds",
    "mean",
    "difference to the base, points",
    "p (Holm)",
    "p of seeds",
    "dev",
    "parameters",
    "s/epoch",
    "real-time factor",
    "memory",
)


def print_table(rows: Sequence[Row]) -> None:
    """In Markdown."""
    print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for row in rows:
        print(f"| {' | '.join(_cells(row, _row(row)))} |")


def _cells(row: Row, tree: Mapping[str, Any]) -> Iterator[str]:
    yield row.variant
    yield ", ".join(f"{100 * rate:.1f}" for rate in row.rates)
    yield f"{tree['mean']:.1%}" + (f" ± {100 * tree['deviation']:.1f}" if len(row.rates) > 1 else "")
    if row.test is None:
        yield from ("", "", "")
    else:
        low, high = row.test.interval_95
        yield f"{100 * row.test.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        yield f"{row.test.p:.2g} ({row.p_holm:.2g})"
        yield "" if row.p_seeds is None else f"{row.p_seeds:.2g}"
    yield f"{tree['dev']:.1%}"
    yield f"{tree['parameters'] / 1e6:.2f} M"
    yield f"{tree['epoch_seconds']:.0f}"
    yield f"{tree['real_time_factor']:.4f}"
    yield f"{tree['peak_memory'] / 2**30:.2f} GiB"


def _row(row: Row) -> dict[str, Any]:
    rates = row.rates
    return {
        "variant": row.variant,
        "changes": list(VARIANTS[row.variant]),
        "seeds": [record.recipe.seed for record in row.records],
        "wer": rates,
        "mean": mean(rates),
        "deviation": stdev(rates) if len(rates) > 1 else None,
        "dev": mean(record.results["dev"].wer for record in row.records),
        "difference": row.test and row.test.difference,
        "interval_95": row.test and row.test.interval_95,
        "p": row.test and row.test.p,
        "p_holm": row.p_holm,
        "p_seeds": row.p_seeds,
        "parameters": _model(row.records[0]).parameters,
        "epoch_seconds": median(epoch.seconds for record in row.records for epoch in record.epochs),
        "real_time_factor": median(_times(record).real_time_factor for record in row.records),
        "peak_memory": max(session.peak_memory for record in row.records for session in record.sessions),
        "clipped": mean(epoch.clipped for record in row.records for epoch in record.epochs),
        "weights": [_model(record).weights_digest for record in row.records],
    }


def _model(record: Record) -> Any:
    assert record.model is not None  # complete
    return record.model


def _times(record: Record) -> Any:
    assert record.times is not None
    return record.times


def _tree(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "benchmark": "ablation",
        "recipe": RECIPE.name,
        "rows": [_row(row) for row in rows],
        "environment": read_environment().model_dump(mode="json"),
    }


if __name__ == "__main__":
    main()
