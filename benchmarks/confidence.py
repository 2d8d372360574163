"""What confidences are worth: the model's probabilities, calibrated, the n-best posterior, a forest; on the same words.

    python benchmarks/confidence.py runs/an4-s1 runs/an4-s2 runs/an4-s3 --json confidence.json --plot confidence.svg
    python benchmarks/confidence.py runs/an4-s* --lm model.arpa --lm-weight 0.5 --test

Development speakers are held out in turns. With --test the finished estimators are measured on the test part, too: that
is for the end, when nothing is chosen any more. The plot shows how many words of like confidence are right: on the
diagonal, a confidence means what it says. It needs matplotlib, of the extra `benchmarks`.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr import numerics
from asr.confidence.judge import Judged
from asr.confidence.measures import Bin
from asr.files import write_json
from asr.runs.environment import read_environment

SHOWN = ("nce", "ece", "auc", "average_precision", "brier")


def main() -> None:
    numerics.pin()  # before torch loads
    options = _options()
    found = [_of_run(run, options) for run in options.run]
    tree = {
        "benchmark": "confidence",
        "language_model": None if options.lm is None else options.lm.name,
        "lm_weight": options.lm_weight if options.lm else None,
        "runs": [{key: value for key, value in each.items() if key != "bins"} for each in found],
        "environment": read_environment().model_dump(mode="json"),
    }
    _print(found)
    if options.json:
        write_json(options.json, tree)
    if options.plot:
        plot([each["bins"] for each in found], options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="+", help="folders of complete runs")
    parser.add_argument(
        "--lm", type=Path, help="beam search with this model of words instead of greedy decoding"
    )
    parser.add_argument("--lm-weight", type=float, default=0.5)
    parser.add_argument("--test", action="store_true", help="measure on the test part, too")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="reliability of development words, svg or png")
    return parser.parse_args()


def _of_run(run: Path, options: argparse.Namespace) -> dict[str, Any]:
    from asr.decoding.decoder import GREEDY, Decoder
    from asr.decoding.ngram_model import NgramModel
    from asr.decoding.settings import SearchSettings
    from asr.numerics import available_cores
    from asr.runs.confidence import Recognised, learn, measure
    from asr.runs.evaluate import Evaluator

    evaluator = Evaluator(run, workers=available_cores())
    decoder = GREEDY
    if options.lm is not None:
        decoder = Decoder("beam", SearchSettings(lm_weight=options.lm_weight), NgramModel.read(options.lm))
    recognised = Recognised(evaluator, decoder)
    learned = learn(recognised)
    found: dict[str, Any] = {
        "seed": evaluator.record.recipe.seed,
        "weights": evaluator.bundle.description.weights,
        "decoder": decoder.name,
        "method": learned.estimator.method,
        "no_forest_because": learned.left_out,
        "trained_on": learned.trained_on.model_dump(mode="json"),
        "dev": [each.to_json() for each in learned.judged],
        "bins": {each.name: each.bins for each in learned.judged},
    }
    if options.test:
        samples, judged = measure(recognised, learned.estimator, "test")
        found["test"] = {
            "words": sum(len(sample.right) for sample in samples),
            "wrong": sum(int((~sample.right).sum()) for sample in samples),
            "judged": [each.to_json() for each in judged],
        }
    _show(run.name, learned.judged)
    return found


def _show(name: str, judged: Sequence[Judged]) -> None:
    for each in judged:
        cells = [f"{key} {each.words[key].value:.3f}" for key in SHOWN]
        print(f"{name:20} {each.name:22} {'  '.join(cells)}", flush=True)


def _print(found: Sequence[dict[str, Any]]) -> None:
    """Means over the runs."""
    sums: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for run in found:
        for part, judged in (("dev", run["dev"]), ("test", run.get("test", {}).get("judged", []))):
            for each in judged:
                sums[part, each["name"]].append([each["words"][key]["value"] for key in SHOWN])
    for (part, name), rows in sums.items():
        means = np.mean(np.array(rows, dtype=np.float64), axis=0)
        cells = [f"{key} {value:.3f}" for key, value in zip(SHOWN, means, strict=True)]
        print(f"mean, {part:14} {name:22} {'  '.join(cells)}")


def plot(runs: Sequence[dict[str, list[Bin]]], path: Path) -> None:
    """Shares of right words over confidences; each point is a bin of one run, of as many words as the others."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "confidence"
    from matplotlib import pyplot

    names = [name for name in runs[0] if name in ("maximum probability", "calibrated", "n-best", "forest")]
    low = min(min(each.confidence, each.right) for bins in runs for name in names for each in bins[name])
    low = math.floor(10 * low) / 10
    figure, axes = pyplot.subplots(1, len(names), figsize=(3.1 * len(names), 3.4), sharex=True, sharey=True)
    for axis, name in zip(np.atleast_1d(axes), names, strict=True):
        axis.plot([low, 1], [low, 1], color="0.75", linewidth=1, zorder=1)
        for bins in runs:
            points = [(each.confidence, each.right) for each in bins[name]]
            axis.plot(*zip(*points, strict=True), marker="o", markersize=4, linewidth=0.9, alpha=0.8)
        axis.set(title=name, xlabel="confidence", xlim=(low, 1.01), ylim=(low, 1.01), aspect="equal")
    np.atleast_1d(axes)[0].set_ylabel("share of right words")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
