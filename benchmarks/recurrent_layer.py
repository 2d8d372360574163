"""Our recurrent layer against `torch.nn.LSTM` on packed sequences: same weights, same batch, one thread.

    python benchmarks/recurrent_layer.py --json recurrent_layer.json

The two take turns, so that a machine that slows down slows both down; the middle time of each counts. Before that,
their results are compared.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from asr import numerics

numerics.pin()  # before torch loads

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

from asr.files import write_json  # noqa: E402
from asr.model.padding import valid  # noqa: E402
from asr.model.recurrent import LstmLayer  # noqa: E402
from asr.randomness import torch_generator  # noqa: E402
from asr.runs.environment import read_environment  # noqa: E402

Layer = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Settings:
    """One layer of the default model, in a micro-batch of utterances of 3 to 6 seconds."""

    utterances: int = 8
    frames: int = 300  # of the longest; the shortest has half as many
    inputs: int = 512
    hidden: int = 256
    repeats: int = 20


@dataclass(frozen=True)
class Comparison:
    """Seconds a batch."""

    ours: list[float]
    packed: list[float]

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return statistics.median(self.packed) / statistics.median(self.ours)


class Packed(nn.LSTM):
    """The usual way."""

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        packed = pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
        outputs, _ = pad_packed_sequence(super().forward(packed)[0], batch_first=True)
        return outputs


def main() -> None:
    options = _options()
    settings = Settings(**{name: getattr(options, name) for name in asdict(Settings())})
    torch.set_num_threads(1)
    ours = LstmLayer(settings.inputs, settings.hidden)
    packed = Packed(settings.inputs, settings.hidden, batch_first=True, bidirectional=True)
    packed.load_state_dict(ours.state_dict())
    values, lengths = _batch(settings)
    differences = compare_results(ours, packed, values, lengths)
    found = {
        "training": compare(lambda layer: _train(layer, values, lengths), ours, packed, settings.repeats),
        "inference": compare(lambda layer: _infer(layer, values, lengths), ours, packed, settings.repeats),
    }
    _print(settings, found, differences)
    if options.json:
        write_json(options.json, _tree(settings, found, differences))


def compare_results(ours: nn.Module, packed: nn.Module, values: Tensor, lengths: Tensor) -> dict[str, float]:
    """Largest differences of outputs and of gradients, beside the largest value; padding is not compared.

    Raises:
        SystemExit: they do not compute the same.
    """
    mask = valid(lengths, values.shape[1])[:, :, None]
    outputs = [layer(values, lengths) * mask for layer in (ours, packed)]
    gradients = [
        torch.autograd.grad(output.square().sum(), list(layer.parameters()))
        for layer, output in zip((ours, packed), outputs, strict=True)
    ]
    found = {
        "outputs": _difference(outputs[0].detach(), outputs[1].detach()),
        "gradients": max(_difference(a, b) for a, b in zip(*gradients, strict=True)),
    }
    if not max(found.values()) < 1e-4:
        raise SystemExit(f"the two do not compute the same: {found}")
    return found


def _difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


def compare(
    once: Callable[[nn.Module], None], ours: nn.Module, packed: nn.Module, repeats: int
) -> Comparison:
    """Times the two in turns, after two rounds to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(-2, repeats):
        for layer, taken in zip((ours, packed), times, strict=True):
            start = time.perf_counter()
            once(layer)
            if repeat >= 0:
                taken.append(time.perf_counter() - start)
    return Comparison(*times)


def _train(layer: nn.Module, values: Tensor, lengths: Tensor) -> None:
    layer.train()
    inputs = values.detach().requires_grad_()  # as in a stack: the layer below wants its gradient too
    torch.autograd.grad(layer(inputs, lengths).sum(), [inputs, *layer.parameters()])


def _infer(layer: nn.Module, values: Tensor, lengths: Tensor) -> None:
    layer.eval()
    with torch.inference_mode():
        layer(values, lengths)


def _batch(settings: Settings) -> tuple[Tensor, Tensor]:
    generator = torch_generator(1, "benchmark")
    lengths = torch.linspace(settings.frames // 2, settings.frames, settings.utterances).round().long()
    values = torch.randn(settings.utterances, settings.frames, settings.inputs, generator=generator)
    return values * valid(lengths, settings.frames)[:, :, None], lengths


def _print(settings: Settings, found: dict[str, Comparison], differences: dict[str, float]) -> None:
    print(
        f"{settings.utterances} utterances of {settings.frames // 2} to {settings.frames} frames, "
        f"{settings.inputs} inputs, {settings.hidden} units in each direction, one thread"
    )
    print(
        f"largest relative difference: outputs {differences['outputs']:.1e}, gradients {differences['gradients']:.1e}\n"
    )
    print(f"{'':10} {'ours':>10} {'packed':>10} {'ratio':>7}")
    for name, times in found.items():
        ours, packed = statistics.median(times.ours), statistics.median(times.packed)
        print(f"{name:10} {ours * 1e3:7.1f} ms {packed * 1e3:7.1f} ms {times.ratio:7.2f}")


def _tree(
    settings: Settings, found: dict[str, Comparison], differences: dict[str, float]
) -> dict[str, object]:
    return {
        "benchmark": "recurrent_layer",
        "settings": asdict(settings),
        "largest_relative_differences": differences,
        "seconds": {name: {**asdict(times), "ratio": times.ratio} for name, times in found.items()},
        "environment": read_environment().model_dump(mode="json"),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"({default})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
