"""Do gradients vanish or explode on long utterances? Cells, starts, clipping, depth and residual connections.

    python benchmarks/long_digits.py long-digits
    python benchmarks/gradients.py --corpus long-digits --out runs/gradients --json gradients.json --plot gradients.svg

trains variants of recipes/long-digits.toml and reads the norms of gradients that their records have. It also measures
how far back in time a gradient reaches (gradient_reach.py), in the network that each seed begins with and in the one
that it ends with. Runs that are complete are only read. The plot needs matplotlib, of the extra `benchmarks`.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from variants import BASE, RESIDUAL, Variant, described, parser_of, train

from asr import numerics
from asr.files import write_json
from asr.runs.environment import read_code, read_environment
from asr.runs.record import Record

SHALLOW = (
    BASE,
    Variant("rnn", ("model.cell=rnn",)),
    Variant("rnn-uniform", ("model.cell=rnn", "model.recurrent_start=uniform")),
    Variant("rnn-no-clip", ("model.cell=rnn", "train.clip=1e6")),
    Variant("lstm-no-clip", ("train.clip=1e6",)),
    Variant("lstm-forget-0", ("model.forget_bias=0",)),
    Variant("gru", ("model.cell=gru",)),
    RESIDUAL,
)
DEEP = ("model.layers=5", "model.projection=128", "train.epochs=2")  # for norms alone
BARE = (*DEEP, "model.normalisation=none")
STACKS = (
    Variant("deep", DEEP),
    Variant("deep-residual", (*DEEP, "model.residual=true")),
    Variant("deep-bare", BARE),
    Variant("deep-bare-residual", (*BARE, "model.residual=true")),
)
REACH = 150  # frames
FRAME = 0.04  # seconds
LONG, UTTERANCES, PLACES = 15.0, 4, (0.3, 0.5, 0.7)  # seconds; of the test part; in each utterance
SMALL = 0.01  # of the norm at distance 0: what is further away has hardly a say
TITLES = {
    "base": "LSTM",
    "lstm-forget-0": "LSTM, forget bias 0",
    "lstm-no-clip": "LSTM, no clipping",
    "gru": "GRU",
    "residual": "LSTM, residual",
    "rnn": "RNN, orthogonal start",
    "rnn-uniform": "RNN, uniform start",
    "rnn-no-clip": "RNN, orthogonal, no clipping",
    "deep": "5 layers",
    "deep-residual": "5 layers, residual",
    "deep-bare": "5 layers, not normalised",
    "deep-bare-residual": "5 layers, not normalised, residual",
}


def main() -> None:
    numerics.pin()  # before torch loads
    parser = parser_of(__doc__)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    records = train((*SHALLOW, *STACKS), options)
    import torch

    torch.set_num_threads(1)
    rows = []
    for variant in (*SHALLOW, *STACKS):
        for seed in options.seeds:
            if (variant.name, seed) in records:
                rows.append(row_of(variant, seed, records[variant.name, seed], options))
    _print_cells([row for row in rows if "reach" in row])
    _print_stacks([row for row in rows if "reach" not in row])
    if options.json:
        tree = {
            "benchmark": "gradients",
            "runs": rows,
            "code": read_code().model_dump(mode="json"),
            "environment": read_environment().model_dump(mode="json"),
        }
        write_json(options.json, tree)
    if options.plot:
        plot(rows, options.plot)


def row_of(variant: Variant, seed: int, record: Record, options: argparse.Namespace) -> dict[str, Any]:
    """What the run recorded and, of one that is not deep, how far its gradient reaches."""
    keys = ("epoch", "steps", "train_loss", "clipped", "gradient_norms", "warnings")
    epochs = [
        {**{key: getattr(epoch, key) for key in keys}, "dev_wer": epoch.dev.wer} for epoch in record.epochs
    ]
    row = {**described(variant, seed, record), "epochs": epochs}
    if variant in SHALLOW:
        row["reach"] = reach(variant, seed, options)
    return row


def reach(variant: Variant, seed: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Norms at each distance in frames, of the network at the start and as it was kept."""
    from gradient_reach import long_waves, reach_of

    from asr.model.acoustic import new_model
    from asr.model.bundle import load_bundle

    bundle = load_bundle(variant.folder(options.out, seed) / "model")
    recipe = variant.recipe(seed)
    fresh = new_model(recipe.front_end, recipe.model, bundle.tokenizer.size, seed).eval()
    waves = long_waves(options.corpus / "test.jsonl", recipe.front_end.sample_rate, LONG, UTTERANCES)
    found = {}
    for name, model in (("start", fresh), ("trained", bundle.model)):
        norms = reach_of(model, waves, REACH, PLACES)
        found[name] = [float(f"{norm:.4g}") for norm in norms.tolist()]
    return found


def frames_until(norms: Sequence[float], share: float = SMALL) -> int:
    """The first distance from which on all norms are below a share of the one at distance 0; their number if none."""
    above = [away for away, norm in enumerate(norms) if norm >= share * norms[0]]
    return above[-1] + 1 if above else 0


def _print_cells(rows: Sequence[dict[str, Any]]) -> None:
    print("\n| | WER, mean | each | steps clipped, first epoch, last | 1 % at start | 1 % trained |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, found in _by_variant(rows).items():
        clipped = [mean(row["epochs"][place]["clipped"] for row in found) for place in (0, -1)]
        far = [[frames_until(row["reach"][which]) for row in found] for which in ("start", "trained")]
        spread = f" ± {100 * stdev(row['wer'] for row in found):.1f}" if len(found) > 1 else ""
        each = ", ".join(f"{row['wer']:.1%}" for row in found)
        print(
            f"| {TITLES[name]} | {mean(row['wer'] for row in found):.1%}{spread} "
            f"| {each} | {clipped[0]:.0%}, {clipped[1]:.0%} "
            f"| {' '.join(map(str, far[0]))} | {' '.join(map(str, far[1]))} |"
        )


def _print_stacks(rows: Sequence[dict[str, Any]]) -> None:
    print("\n| | loss, last epoch | first recurrent layer / last: first epoch, last | warnings |")
    print("| --- | --- | --- | --- |")
    for name, found in _by_variant(rows).items():
        loss = mean(row["epochs"][-1]["train_loss"] for row in found)
        ratios = [_geometric([_ratio(row["epochs"][place]) for row in found]) for place in (0, -1)]
        warned = sum(bool(epoch["warnings"]) for row in found for epoch in row["epochs"])
        print(f"| {TITLES[name]} | {loss:.2f} | {ratios[0]:.3g}, {ratios[1]:.3g} | {warned} epochs |")


def _ratio(epoch: dict[str, Any]) -> float:
    norms = [norm for name, norm in epoch["gradient_norms"].items() if name.startswith("recurrent.")]
    return float(norms[0] / norms[-1])


def _geometric(values: Sequence[float]) -> float:
    return math.exp(mean(math.log(value) if value > 0 else -math.inf for value in values))


def _by_variant(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["variant"], []).append(row)
    return groups


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """How far gradients reach, at the start and trained, and norms layer by layer."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "gradients"
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(12.5, 4.4), layout="constrained")
    shallow = _by_variant([row for row in rows if "reach" in row])
    for panel, which in zip(panels, ("start", "trained"), strict=False):
        for color, (name, found) in enumerate(shallow.items()):
            if name.endswith("-no-clip"):
                continue  # begins as with it, and is kept as it was when nothing was learned
            curves = [[norm / row["reach"][which][0] for norm in row["reach"][which]] for row in found]
            middle = [_geometric(each) for each in zip(*curves, strict=True)]
            times = [FRAME * away for away in range(len(middle))]
            panel.plot(times, middle, color=f"C{color}", label=TITLES[name])
        panel.set(yscale="log", ylim=(1e-16, 10), xlim=(0, FRAME * REACH), xlabel="distance in time, s")
        panel.axhline(SMALL, color="grey", linewidth=0.5)
    panels[0].set(title="before training", ylabel="|d output / d input|, share of that at distance 0")
    panels[1].legend(fontsize="small", frameon=False, loc="lower right")
    panels[1].set_title("trained")
    _plot_layers(panels[2], _by_variant([row for row in rows if "reach" not in row]))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _plot_layers(panel: Any, stacks: dict[str, list[dict[str, Any]]]) -> None:
    for name, found in stacks.items():
        layers = [each for each in found[0]["epochs"][-1]["gradient_norms"] if each.startswith("recurrent.")]
        norms = [
            _geometric([row["epochs"][-1]["gradient_norms"][layer] for row in found]) for layer in layers
        ]
        panel.plot(range(1, len(layers) + 1), norms, marker="o", label=TITLES[name])
    panel.set(
        yscale="log",
        ylim=(1e-5, 10),
        xlabel="recurrent layer, from the input",
        title="layer by layer, second epoch",
        xticks=range(1, 6),
    )
    panel.set_ylabel("norm of the gradient, nats a token")
    panel.legend(fontsize="small", frameon=False, loc="lower right")


if __name__ == "__main__":
    main()
