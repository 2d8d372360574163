"""Sound files to arrays: read by libsndfile (or PyAV, asr.media_file), resampled by soxr.

Which files can be read, and which are refused as cut off, is in asr.sound_file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from asr.errors import AudioError
from asr.media_file import MediaSound
from asr.sound_file import Samples, decode, name_of, open_sound


@dataclass(frozen=True)
class Audio:
    """One stretch of mono sound."""

    samples: Samples  # (samples,) full scale is [-1, 1]; lossy formats and resampling can go a little beyond
    sample_rate: int  # Hz

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Track:
    """Where sound is: a file or a stream, all of its channels mixed or one of them."""

    source: Path | str | BinaryIO  # a stream can seek, is read from its first byte and stays open
    channel: int | None = None  # counted from 1; None: the mean of all
    name: str = ""  # what messages call it; "": the path, or "the stream"

    def __str__(self) -> str:
        return self.name or name_of(_opened_by(self.source))


@dataclass(frozen=True)
class Shape:
    """What a header says of the sound."""

    channels: int
    sample_rate: int  # Hz
    seconds: float | None  # None: not known before all is decoded


def read_audio(
    path: Path | str, *, offset: float = 0.0, duration: float | None = None, sample_rate: int | None = None
) -> Audio:
    """Reads a file, or a part of it, as mono.

    Args:
        path: the file.
        offset: seconds to leave out at the start.
        duration: seconds to read; less is read where the file ends sooner. None reads to the end.
        sample_rate: Hz to resample to; None keeps the file's.

    Returns:
        The mean of all channels. Samples of a mono 16-bit file are exactly its integers / 32768 when not
        resampled. The parts [a, b) and [b, c) of a file join without gap or overlap.

    Raises:
        AudioError: no such file, a folder, empty, not sound, no samples, cut off, `offset` past the end, or
            samples that are no finite numbers.
        ValueError: a negative offset, or a duration or sample rate that is not positive.
    """
    frames, file_rate = _read(Path(path), offset, duration)
    mono = _mono(frames)
    if sample_rate is None:
        return Audio(mono, file_rate)
    return Audio(resample(mono, file_rate, sample_rate), sample_rate)


def read_pcm16(
    path: Path | str, *, offset: float = 0.0, duration: float | None = None
) -> tuple[npt.NDArray[np.int16], int]:
    """Reads a file as 16-bit integers, every channel: the form in which the identity of a corpus is stated.

    Returns:
        (samples, channels) int16, and Hz. Sources of 16 bits or fewer give their exact integers (8 bits
        times 256), so WAV, FLAC and SPHERE copies of one signal give one array. Other sources (24 and 32
        bits, float, MP3, Ogg) are decoded to float32, scaled by 32768, rounded to the nearest integer (half
        to even) and clipped. MP3 and Ogg decoders differ between machines, so their integers do too.

    Arguments and errors are those of `read_audio`.
    """
    frames, rate = _read(Path(path), offset, duration)
    frames *= 32768  # a power of two, so exact in float32
    np.rint(frames, out=frames)
    return np.clip(frames, -32768, 32767, out=frames).astype(np.int16), rate


def resample(samples: npt.NDArray[Any], from_rate: int | float, to_rate: int | float) -> Samples:
    """Band-limited resampling with soxr at its very high quality, whose bits do not depend on the processor.

    Args:
        samples: (samples,) of any real type; taken as float32.
        from_rate: Hz, or anything in the same unit as `to_rate`.
        to_rate: Hz.

    Returns:
        (round(samples * to_rate / from_rate),) float32, within one sample.

    Raises:
        ValueError: not one-dimensional, or a rate that is not positive.
    """
    import soxr

    if samples.ndim != 1:
        raise ValueError(f"expected samples of shape (samples,), got shape {samples.shape}")
    if not (from_rate > 0 and to_rate > 0):
        raise ValueError(f"sample rates must be positive, got {from_rate} and {to_rate}")
    given = np.ascontiguousarray(samples, dtype=np.float32)
    if from_rate == to_rate or not len(given):
        return given
    resampled: Samples = soxr.resample(given, from_rate, to_rate, quality="VHQ")
    return resampled


def stream_audio(source: Path | str | BinaryIO | Track, channel: int | None = None) -> Iterator[Audio]:
    """A whole file as mono, block after block, in memory that does not grow with it.

    Args:
        source: a file, or a binary stream that can seek (an upload, io.BytesIO), which stays open.
        channel: the one to be heard, counted from 1; None: that of a `Track`, else the mean of all.

    Returns:
        Blocks of a minute or less (of 16 kHz) at the file's rate: joined, what `read_audio` returns.

    Raises:
        AudioError: as `read_audio`, or there is no such channel; what is wrong further back is found when it is
            reached.
        ValueError: a stream that cannot seek, or gives text.
    """
    track = source if isinstance(source, Track) else Track(source)
    channel = track.channel if channel is None else channel
    with open_sound(_opened_by(track.source), str(track)) as (sound, extent):
        if channel is not None and not 1 <= channel <= sound.channels:
            raise AudioError(f"{track}: there is no channel {channel}; it has {sound.channels}")
        for block in decode(str(track), sound, extent):
            one = _mono(block) if channel is None else np.ascontiguousarray(block[:, channel - 1])
            yield Audio(one, int(sound.samplerate))


def shape_of(source: Path | str | BinaryIO | Track) -> Shape:
    """What the header says; no sound is decoded, or a few milliseconds of it. Errors are those of `stream_audio`."""
    track = source if isinstance(source, Track) else Track(source)
    with open_sound(_opened_by(track.source), str(track)) as (sound, extent):
        rate = int(sound.samplerate)
        if isinstance(sound, MediaSound):
            return Shape(sound.channels, rate, sound.seconds)
        frames = None if extent.open_ended or sound.frames >= 1 << 60 else int(sound.frames)
        return Shape(int(sound.channels), rate, None if frames is None else frames / rate)


def _opened_by(source: Path | str | BinaryIO) -> Path | BinaryIO:
    return Path(source) if isinstance(source, str) else source


def resample_stream(blocks: Iterable[Audio], to_rate: int) -> Iterator[Samples]:
    """`resample` for sound that comes in blocks of one rate: joined, the same samples, bit for bit."""
    stream = None
    for block in blocks:
        if block.sample_rate == to_rate:
            yield block.samples
            continue
        if stream is None:
            stream = resampler(block.sample_rate, to_rate)
        yield stream.resample_chunk(block.samples)
    if stream is not None:
        yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def resampler(from_rate: int, to_rate: int) -> Any:
    """The soxr.ResampleStream of `resample_stream`, for who has no iterator; None where there is nothing to do."""
    if from_rate == to_rate:
        return None
    import soxr

    return soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="VHQ")


def _mono(frames: Samples) -> Samples:
    """(frames, channels) to the mean of the channels."""
    if frames.shape[1] == 1:
        return np.ascontiguousarray(frames[:, 0])
    # Added in float64, so that the order of the channels does not matter.
    mono: Samples = frames.mean(axis=1, dtype=np.float64).astype(np.float32)
    return mono


def _read(path: Path, offset: float, duration: float | None) -> tuple[Samples, int]:
    """(frames, channels) float32, and Hz."""
    if not 0 <= offset < float("inf"):
        raise ValueError(f"offset must be 0 seconds or more, got {offset}")
    if duration is not None and not duration > 0:
        raise ValueError(f"duration must be more than 0 seconds, got {duration}")
    with open_sound(path) as (sound, extent):
        rate = int(sound.samplerate)
        start = round(offset * rate)
        # Rounding both ends, rather than the length, makes neighbouring parts join exactly.
        stop = None if duration is None else round((offset + duration) * rate)
        blocks = list(decode(str(path), sound, extent, start, stop))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks), rate
