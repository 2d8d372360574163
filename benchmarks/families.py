"""Parameters, time of a training step and real-time factor of the model families, beside the LSTM's.

    python benchmarks/families.py --json families.json

All take turns in one process, so that a machine that slows down slows all of them down, on one thread. What counts is
the processor's time, the middle one of some rounds, and that of the LSTM in the same process.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from asr import numerics

numerics.pin()  # before torch loads

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from asr.batching import collate  # noqa: E402
from asr.files import write_json  # noqa: E402
from asr.model.acoustic import AcousticModel, new_model  # noqa: E402
from asr.model.inference import Inference  # noqa: E402
from asr.randomness import Draws, torch_generator  # noqa: E402
from asr.recipe import Recipe  # noqa: E402
from asr.recipe_file import load_recipe  # noqa: E402
from asr.runs.environment import read_environment  # noqa: E402
from asr.training.micro_batch import gradients  # noqa: E402

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "an4.toml"
TOKENS = 28
VGG = "[{channels=32},{channels=32,pool=[2,2]},{channels=32},{channels=32,pool=[1,2]}]"
FAMILIES: dict[str, tuple[str, ...]] = {  # the first is what the others are compared with
    "lstm, as in recipes/an4.toml": (),
    "gru": ("cell=gru",),
    "rnn": ("cell=rnn",),
    "lstm, one direction": ("bidirectional=false",),
    "residual": ("residual=true",),
    "no layer normalisation": ("normalisation=none",),
    "VGG-like": (f"convolutions={VGG}",),
    "no convolutions": ("convolutions=[]",),
    "pyramid = 1": ("pyramid=1",),
    "no convolutions, pyramid = 2": ("convolutions=[]", "pyramid=2"),
    "self-attention between": ("self_attention.place=between",),
    "self-attention after": ("self_attention.place=after",),
    "self-attention after, reach = 50": ("self_attention.place=after", "self_attention.reach=50"),
}


class Family:
    """One of them, and what it took."""

    def __init__(self, changes: tuple[str, ...]) -> None:
        self.recipe: Recipe = load_recipe(RECIPE, [f"model.{change}" for change in changes])
        self.model: AcousticModel = new_model(self.recipe.front_end, self.recipe.model, TOKENS, seed=1)
        self.parameters = sum(parameter.numel() for parameter in self.model.parameters())
        self.training: list[float] = []  # seconds of the processor, of a micro-batch
        self.hearing: list[float] = []  # of an utterance

    def take(self, batch: Any, utterance: Tensor) -> None:
        """One round."""
        tokens = int(batch.target_lengths.sum())
        start = time.process_time()
        gradients(self.model.train(), batch, Draws(1, 0, 0, 0, batch.ids), self.recipe, tokens)
        between = time.process_time()
        inference = Inference(self.model)
        made = time.process_time()
        inference(utterance[None], torch.tensor([len(utterance)]))
        self.training.append(between - start)
        self.hearing.append(time.process_time() - made)


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    families = {name: Family(changes) for name, changes in FAMILIES.items()}
    rate = next(iter(families.values())).recipe.front_end.sample_rate
    draw = torch_generator(1, "benchmark")
    waveforms = [
        torch.randn(round(rate * float(seconds)), generator=draw) * 0.1
        for seconds in torch.linspace(options.seconds / 2, options.seconds, options.utterances)
    ]
    targets = [tuple(1 + number % 27 for number in range(8)) for _ in waveforms]
    batch = collate(
        [str(row) for row in range(len(waveforms))], [each.numpy() for each in waveforms], targets
    )
    for each in range(options.rounds + 1):
        for family in families.values():
            family.take(batch, waveforms[-1])
            if each == 0:  # to warm up
                family.training.clear()
                family.hearing.clear()
    _print(families, options)
    if options.json:
        write_json(options.json, _tree(families, options))


def _print(families: dict[str, Family], options: argparse.Namespace) -> None:
    first = next(iter(families.values()))
    print("| family | parameters | micro-batch | of the LSTM's | real-time factor | of the LSTM's |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, family in families.items():
        training, hearing = (statistics.median(each) for each in (family.training, family.hearing))
        print(
            f"| {name} | {family.parameters / 1e6:.2f} M | {training * 1e3:.0f} ms | "
            f"{training / statistics.median(first.training):.2f} | {hearing / options.seconds:.4f} | "
            f"{hearing / statistics.median(first.hearing):.2f} |"
        )


def _tree(families: dict[str, Family], options: argparse.Namespace) -> dict[str, object]:
    return {
        "benchmark": "families",
        "settings": {key: getattr(options, key) for key in ("utterances", "seconds", "rounds")},
        "families": {
            name: {
                "changes": FAMILIES[name],
                "parameters": family.parameters,
                "processor_seconds_training": family.training,
                "processor_seconds_hearing": family.hearing,
            }
            for name, family in families.items()
        },
        "environment": read_environment().model_dump(mode="json"),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--utterances", type=int, default=8, help="of a micro-batch")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="of the longest; the shortest has half of it"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
