"""Changes to waveforms in training: speed, edges and noise, each drawn by (seed, purpose, epoch, utterance).

And which utterances of a micro-batch are heard as one recording.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from asr.audio import resample
from asr.randomness import draw_integers, keyed_seeds, numpy_generator
from asr.recipe import Augment

EDGE_GAIN = (-12.0, 6.0)  # dB of what is added at an edge, against the recording's own quiet


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


def shift_edges(
    samples: np.ndarray,
    sample_rate: int,
    settings: Augment,
    seed: int,
    epoch: int,
    utterance: str,
    least: int,
) -> np.ndarray:
    """Moves where a recording begins and ends, each by up to `settings.edges` seconds either way.

    Where a recording of one utterance begins is chance, and where a stretch of a long one begins is a choice of whoever
    cuts it: neither should matter. Only what is quiet is cut off; what is added is the quiet edge mirrored, louder or
    softer, as when somebody else's room follows.

    Args:
        samples: (samples,), of which silence before and after the words is told by its level.
        least: samples that are left at least.

    Returns:
        (about samples,); the same where the settings have no edges or the sound is all of one level.
    """
    if not settings.edges:
        return samples
    generator = numpy_generator(seed, "edges", epoch, utterance)
    shifts = generator.uniform(-settings.edges, settings.edges, 2) * sample_rate
    gains = 10 ** (generator.uniform(*EDGE_GAIN, 2) / 20)
    before, after = quiet_edges(samples, sample_rate)
    spare = max(0, len(samples) - least)
    begin = min(round(max(0.0, -shifts[0])), before, spare)
    end = min(round(max(0.0, -shifts[1])), after, spare - begin)
    parts = [
        _more_of(samples[:before], round(max(0.0, shifts[0])), gains[0])[::-1],
        samples[begin : len(samples) - end],
        _more_of(samples[len(samples) - after :][::-1], round(max(0.0, shifts[1])), gains[1]),
    ]
    return np.concatenate(parts)


def quiet_edges(samples: np.ndarray, sample_rate: int) -> tuple[int, int]:
    """Samples before the first and after the last sound that stands out from the quietest parts of a recording.

    A twentieth of a second next to that sound does not count: a consonant may begin softly.
    """
    size = max(1, sample_rate // 100)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(frames):
        return 0, 0
    levels = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)
    low, high = np.quantile(levels, [0.05, 0.95])
    loud = np.flatnonzero(levels > low + max(6.0, (high - low) / 4))
    if not len(loud):
        return 0, 0
    guard = sample_rate // 20
    before, after = int(loud[0]) * size, len(samples) - (int(loud[-1]) + 1) * size
    return max(0, before - guard), max(0, after - guard)


def _more_of(edge: np.ndarray, count: int, gain: float) -> np.ndarray:
    """(count,) samples that go on from the first of the edge outwards: there and back as often as needed."""
    if not count or not len(edge):
        return edge[:0]
    there_and_back = np.concatenate([edge, edge[::-1]])
    found: np.ndarray = np.resize(there_and_back, count) * np.float32(gain)
    return found


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


def joined_utterances(
    settings: Augment, seed: int, epoch: int, utterances: Sequence[str]
) -> list[list[int]] | None:
    """Which utterances of a micro-batch are heard one after the other, as one recording.

    Long audio is cut where there are pauses, not where an utterance or a speaker ends. A model that has only heard
    utterances one by one has never heard such an end.

    Args:
        utterances: ids, in the order of the plan.

    Returns:
        Their places, those of a recording together and in its order, each place once; None: each is heard by itself.
    """
    if not settings.joined:
        return None
    generator = numpy_generator(seed, "joined", epoch, *utterances)
    if generator.random() >= settings.joined or len(utterances) < 2:
        return None
    most = int(generator.integers(2, settings.joined_utterances + 1))
    order = generator.permutation(len(utterances))
    return [group.tolist() for group in np.array_split(order, -(-len(order) // most))]


def _brownish(noise: np.ndarray, memory: int = 64) -> np.ndarray:
    """A moving sum over the last `memory` samples: falls with frequency, needs no loop over samples."""
    total = np.cumsum(np.concatenate([np.zeros(memory), noise]), dtype=np.float64)
    moving: np.ndarray = (total[memory:] - total[:-memory]).astype(np.float32)
    return moving
