"""What one piece of audio is like: level, silence, clipping, edges, bandwidth, and what it is known again by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.audio import read_pcm16
from asr.cleaning.prints import Prints, prints_of
from asr.errors import AudioError
from asr.identity import audio_digest

FRAME = 0.010  # seconds
# Frames, or share of the frames where those are fewer: the loudest, which stand for the speech.
LOUD, SHARE = 20, 0.3
QUIET = 10  # percentile that stands for what is behind it
BELOW = 30.0  # dB below the speech, where it ends
ABOVE = 6.0  # dB above what is behind it
EDGE = 0.02  # seconds at either end
RUN = 3  # samples in a row at the same extreme value are clipped
STEPS = 64  # of the samples' resolution to an extreme value, at least
NOTHING = -200.0  # dB of full scale, instead of minus infinity
BANDS = 32  # of equal width, in which a wall is looked for
WALL = 25.0  # dB between the bands below a wall and those above

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """Of one utterance. Levels are dB of full scale, of the mean of the channels without its direct current."""

    seconds: float
    sample_rate: int  # Hz
    channels: int
    digest: str  # asr.identity.audio_digest
    level: float  # of the loud frames
    floor: float  # of the quiet ones
    begins: float  # dB of the first `EDGE` over the loud frames
    ends: float  # of the last
    spoken: float  # seconds from the first frame that is not silence to the last
    lively: float  # seconds of frames that are not silence
    cancelled: float  # dB by which the mean of the channels is weaker than they are
    direct: float  # mean, of full scale
    clipped: float  # share of samples
    wall: float  # Hz above which there is nothing; 0: there is no such place


@dataclass(frozen=True)
class Measured:
    """A sound, and what it is known again by."""

    sound: Sound
    prints: Prints


def measure(path: str, offset: float, duration: float) -> Measured | str:
    """Of a file or a part of it; a sentence where it cannot be read.

    Args:
        offset: seconds.
        duration: seconds; 0 is up to the end.
    """
    try:
        samples, rate = read_pcm16(path, offset=offset, duration=duration or None)
    except AudioError as error:
        return str(error)
    mono = samples.mean(axis=1, dtype=np.float32) / 32768
    return Measured(_sound(samples, mono, rate), prints_of(mono, rate))


def _sound(samples: npt.NDArray[np.int16], mono: Floats, rate: int) -> Sound:
    direct = float(mono.mean(dtype=np.float64))
    centred = mono - np.float32(direct)
    levels = _levels(centred, rate)
    loud, quiet = _loud(levels), float(np.percentile(levels, QUIET))
    alive = np.flatnonzero(levels > max(loud - BELOW, min(quiet + ABOVE, loud - ABOVE)))
    edge = max(1, round(EDGE * rate))
    return Sound(
        seconds=len(samples) / rate,
        sample_rate=rate,
        channels=samples.shape[1],
        digest=audio_digest(samples, rate),
        level=loud,
        floor=quiet,
        begins=_decibels(centred[:edge]) - loud,
        ends=_decibels(centred[-edge:]) - loud,
        spoken=float(alive[-1] - alive[0] + 1) * FRAME if len(alive) else 0.0,
        lively=len(alive) * FRAME,
        cancelled=_cancelled(samples, centred),
        direct=direct,
        clipped=_clipped(samples),
        wall=_wall(centred, rate),
    )


def _decibels(samples: npt.NDArray[Any]) -> float:
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(NOTHING, 10 * np.log10(power)) if power > 0 else NOTHING


def _levels(samples: Floats, rate: int) -> npt.NDArray[np.float64]:
    """dB of each frame; what does not fill the last one is left out, unless there is no other."""
    size = max(1, min(round(FRAME * rate), len(samples)))
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    powers = np.mean(np.square(frames), axis=1, dtype=np.float64)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(powers, 10 ** (NOTHING / 10)))
    return levels


def _loud(levels: npt.NDArray[np.float64]) -> float:
    """Of a word in a minute of silence it is the level of the word; a click does not reach it."""
    count = max(1, min(LOUD, int(SHARE * len(levels))))
    return float(np.median(np.sort(levels)[-count:]))


def _cancelled(samples: npt.NDArray[np.int16], centred: Floats) -> float:
    if samples.shape[1] == 1:
        return 0.0
    channels = samples / np.float32(32768)
    return max(0.0, _decibels(channels - channels.mean(axis=0)) - _decibels(centred))


def _clipped(samples: npt.NDArray[np.int16]) -> float:
    """Share of the samples that lie in runs at the highest or the lowest value of their channel. What has few values
    up to there, being weak or of 8 bits, reaches them in runs by nature, and is not looked at."""
    count = 0
    for channel in samples.T:
        for extreme in (int(channel.max()), int(channel.min())):
            if abs(extreme) >= 1024:
                # Half a percent: coding and resampling make a clipped top a little uneven.
                near = channel >= 0.995 * extreme if extreme > 0 else channel <= 0.995 * extreme
                edges = np.flatnonzero(np.diff(np.concatenate([[0], near.view(np.int8), [0]])))
                lengths = edges[1::2] - edges[::2]
                flat = int(lengths[lengths >= RUN].sum())
                if flat and abs(extreme) >= STEPS * int(np.diff(np.unique(channel)).min()):
                    count += flat
    return count / samples.size


def _wall(samples: Floats, rate: int) -> float:
    """The frequency, below three quarters of what the rate allows, at which all content ends at once.

    Speech fades towards high frequencies; resampling from a lower rate and the filters of coders cut it off.
    """
    size = 512
    if len(samples) < 4 * size:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(size).astype(np.float32), axis=1)[:, 1:]) ** 2
    bands = 10 * np.log10(spectrum.mean(axis=0).reshape(BANDS, -1).mean(axis=1) + 1e-20)
    for band in range(BANDS // 5, 3 * BANDS // 4):
        below, above = bands[band - 3 : band].min(), bands[band + 1 :].max()
        if below - above > WALL:
            return (band + 0.5) * rate / 2 / BANDS
    return 0.0
