"""Changes to waveforms in training: speed and noise, each drawn by (seed, purpose, epoch, utterance)."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from asr.audio import resample
from asr.randomness import draw_integers, keyed_seeds, numpy_generator
from asr.recipe import Augment


def speed_of(settings: Augment, seed: int, epoch: int, utterance: str) -> float:
    """The factor by which this utterance is sped up in this epoch."""
    draw = numpy_generator(seed, "speed", epoch, utterance).integers(len(settings.speed))
    return settings.speed[int(draw)]


def speeds_of(
    settings: Augment, seed: int, epoch: int, utterances: Iterable[bytes]
) -> npt.NDArray[np.float64]:
    """`speed_of` for many utterances, each given by the JSON of its id."""
    seeds = keyed_seeds(seed, "speed", epoch, last=utterances)
    return np.array(settings.speed)[draw_integers(seeds, len(settings.speed))]


def change_speed(samples: np.ndarray, sample_rate: int, factor: float) -> np.ndarray:
    """(samples,) to about (samples / factor,): tempo and pitch change together, as with a tape."""
    return samples if factor == 1 else resample(samples, round(sample_rate * factor), sample_rate)


def add_noise(samples: np.ndarray, settings: Augment, seed: int, epoch: int, utterance: str) -> np.ndarray:
    """Mixes noise into a share of the utterances, at a signal-to-noise ratio drawn evenly in dB.

    The noise is white or, half of the time, brownish (a leaky sum of white noise), as rooms and cars are.
    """
    generator = numpy_generator(seed, "noise", epoch, utterance)
    if generator.random() >= settings.noise_probability:
        return samples
    ratio = generator.uniform(*settings.noise_snr)
    noise = generator.standard_normal(len(samples), dtype=np.float32)
    if generator.random() < 0.5:
        noise = _brownish(noise)
    power, noise_power = float(np.mean(samples**2)), float(np.mean(noise**2))
    if power == 0 or noise_power == 0:
        return samples
    scale = np.float32(np.sqrt(power / noise_power / 10 ** (ratio / 10)))
    mixed: np.ndarray = np.clip(samples + scale * noise, -1.0, 1.0)
    return mixed


def _brownish(noise: np.ndarray, memory: int = 64) -> np.ndarray:
    """A moving sum over the last `memory` samples: falls with frequency, needs no loop over samples."""
    total = np.cumsum(np.concatenate([np.zeros(memory), noise]), dtype=np.float64)
    moving: np.ndarray = (total[memory:] - total[:-memory]).astype(np.float32)
    return moving
