"""What a model learned on one corpus is worth on another: fine-tuned on shares of it, against from scratch.

    python benchmarks/transfer.py --model an4=runs/an4-s1 --corpora ../corpora --out runs/transfer --plot transfer.svg

Goes from AN4 to FSDD and yesno, and from the FSDD model that was trained here back to AN4, always with one network.
Every run is `asr run recipes/transfer/CORPUS.toml` with its own seed, share and beginning; runs that are complete are
only read, so that it goes on where it was stopped. Development data choose the epoch of each run; the test part is read
once by each. The plot needs matplotlib, of the extra `benchmarks`.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from asr import numerics
from asr.files import write_json
from asr.recipe_file import load_recipe
from asr.runs.environment import read_code, read_environment

RECIPES = Path(__file__).resolve().parents[1] / "recipes" / "transfer"
ARCHIVES = {"an4": "an4_sphere.tar.gz", "fsdd": "fsdd.tar.gz", "yesno": "waves_yesno.tar.gz"}
SEEDS = (1, 2, 3)
FINE_TUNED = 5e-4  # learning rate at its peak; from scratch it is the recipe's
# Fewer utterances are seen more often and in smaller steps. What is not here is as in the recipe.
CHANGES: dict[tuple[str, float], dict[str, int]] = {
    ("fsdd", 0.1): {"epochs": 25, "utterances": 4},
    ("fsdd", 0.01): {"epochs": 60, "utterances": 4},
    ("yesno", 0.1): {"epochs": 100},
    ("yesno", 0.01): {"epochs": 100},
    ("an4", 0.01): {"epochs": 60, "utterances": 2},
    ("an4", 1.0): {"epochs": 20},
}
# What takes the least time first, in case there is no time for all.
SHARES = {"fsdd": (0.01, 0.1, 1.0), "yesno": (0.01, 0.1, 1.0), "an4": (0.01, 0.1, 1.0)}


@dataclass(frozen=True)
class Trial:
    """A training."""

    source: str  # corpus of the model that it begins with; "" from scratch
    target: str
    share: float
    seed: int

    @property
    def name(self) -> str:
        begun = f"from-{self.source}" if self.source else "scratch"
        return f"{self.target}-{self.share:g}-{begun}-s{self.seed}"

    def changes(self, model: Path | None) -> list[str]:
        """Of the recipe."""
        found = [f"seed={self.seed}", f"corpus.train_share={self.share}"]
        for key, value in CHANGES.get((self.target, self.share), {}).items():
            found.append(f"train.{key}={value}")
        if model is not None:
            found += [f'init.from="{model.name}"', f"train.learning_rate={FINE_TUNED}"]
        return found


def trials() -> Iterator[Trial]:
    """In the order in which they are run; the FSDD model is there when the way back begins."""
    for target, source in (("fsdd", "an4"), ("yesno", "an4"), ("an4", "fsdd")):
        for share in SHARES[target]:
            for seed in SEEDS:
                yield from (Trial(begun, target, share, seed) for begun in ("", source))


def main() -> None:
    numerics.pin()  # before torch loads
    options = _options()
    models = dict(_named(each) for each in options.model)
    chosen = [
        trial
        for trial in trials()
        if trial.target in options.targets
        and trial.share in options.shares
        and (not options.only or trial.name in options.only)
    ]
    rows = [row for path in options.also for row in json.loads(path.read_bytes())["runs"]]
    for trial in chosen:
        model = _model(trial, models, options.out)
        rows.append(_run(trial, model, options))
        print(f"{trial.name}: WER {rows[-1]['wer']:.2%}, dev {rows[-1]['dev_wer']:.2%}", flush=True)
    tree = {
        "benchmark": "transfer",
        "runs": rows,
        "code": read_code().model_dump(mode="json"),
        "environment": read_environment().model_dump(mode="json"),
    }
    _print(rows)
    if options.json:
        write_json(options.json, tree)
    if options.plot:
        plot(rows, options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", default=[], metavar="CORPUS=RUN", help="begun with")
    parser.add_argument("--targets", nargs="+", choices=tuple(ARCHIVES), default=list(ARCHIVES))
    parser.add_argument(
        "--shares", type=float, nargs="+", default=[0.01, 0.1, 1.0], help="of the training part"
    )
    names = [trial.name for trial in trials()]
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="TRIAL", help="of these, such as an4-1-scratch-s2"
    )
    parser.add_argument("--also", type=Path, nargs="+", default=[], help="what --json has written before")
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/attest-asr"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="WER over the share of the training data, svg or png")
    return parser.parse_args()


def _named(text: str) -> tuple[str, Path]:
    corpus, _, path = text.partition("=")
    return corpus, Path(path).resolve()


def _model(trial: Trial, models: dict[str, Path], out: Path) -> Path | None:
    """The run that it begins with; of FSDD the one that was trained here on all of it with the same seed."""
    if not trial.source:
        return None
    return models.get(trial.source) or out / Trial("", trial.source, 1.0, trial.seed).name


def _run(trial: Trial, model: Path | None, options: argparse.Namespace) -> dict[str, Any]:
    from asr.runs.options import RunOptions
    from asr.runs.run import run

    recipe = load_recipe(RECIPES / f"{trial.target}.toml", trial.changes(model))
    settings = RunOptions(
        corpus=options.corpora / ARCHIVES[trial.target],
        out=options.out / trial.name,
        cache=options.cache,
        workers=options.workers,
        files=() if model is None else (model.parent,),
        command=f"python benchmarks/transfer.py ({trial.name})",
    )
    _, record = run(recipe, settings)
    result, dev = record.results["test"], record.results["dev"]
    assert record.corpus is not None and record.model is not None
    return {
        "target": trial.target,
        "source": trial.source,
        "share": trial.share,
        "seed": trial.seed,
        "utterances": record.corpus.splits["train"].utterances,
        "seconds": record.corpus.splits["train"].seconds,
        "wer": result.wer,
        "wer_interval_95": result.wer_interval_95,
        "cer": result.cer,
        "dev_wer": dev.wer,
        "best_epoch": record.model.best_epoch,
        "epochs": recipe.train.epochs,
        "weights": record.model.weights_digest,
        "recipe_digest": record.recipe_digest,
        "initial": None if record.initial is None else record.initial.model_dump(mode="json"),
    }


def _print(rows: Sequence[dict[str, Any]]) -> None:
    print(
        "\n| to | begun with | share | utterances | WER, mean | spread | each |\n|---|---|---|---|---|---|---|"
    )
    for key, found in _grouped(rows).items():
        target, source, share = key
        rates = [row["wer"] for row in found]
        spread = f"{stdev(rates):.2%}" if len(rates) > 1 else ""
        each = ", ".join(f"{rate:.2%}" for rate in rates)
        print(
            f"| {target} | {source or 'fresh weights'} | {share:.0%} | {found[0]['utterances']} | {mean(rates):.2%} "
            f"| {spread} | {each} |"
        )


def _grouped(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str, float], list[dict[str, Any]]]:
    groups: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["target"], row["source"], row["share"], row["seed"])):
        groups.setdefault((row["target"], row["source"], row["share"]), []).append(row)
    return groups


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """A panel a corpus: WER over minutes of training audio, with and without a model to begin with."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    targets = list(dict.fromkeys(row["target"] for row in rows))
    figure, panels = pyplot.subplots(1, len(targets), figsize=(4 * len(targets), 3.4), squeeze=False)
    groups = _grouped(rows)
    for panel, target in zip(panels[0], targets, strict=True):
        for begun in dict.fromkeys(source for name, source, _ in groups if name == target):
            found = [each for (name, source, _), each in groups.items() if (name, source) == (target, begun)]
            minutes = [mean(row["seconds"] for row in each) / 60 for each in found]
            rates = [[100 * row["wer"] for row in each] for each in found]
            middle = [mean(each) for each in rates]
            low = [m - min(each) for m, each in zip(middle, rates, strict=True)]
            high = [max(each) - m for m, each in zip(middle, rates, strict=True)]
            label = f"begun with {begun}" if begun else "fresh weights"
            panel.errorbar(minutes, middle, yerr=[low, high], marker="o", capsize=3, label=label)
        panel.set_xscale("log")
        there = sorted({round(row["seconds"] / 60, 2) for row in rows if row["target"] == target})
        panel.set_xticks(there, [f"{minutes:g}" for minutes in there])
        panel.minorticks_off()
        panel.set_title(target)
        panel.set_xlabel("minutes of training audio")
        panel.set_ylim(bottom=0)
        panel.legend()
    panels[0][0].set_ylabel("WER, %: mean and range of seeds")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
