"""Sound files to arrays: read by libsndfile, resampled by soxr.

Formats: WAV, FLAC, MP3, Ogg Vorbis and Opus, AIFF, NIST SPHERE, and what else libsndfile knows. The content
decides, never the name. A cut-off file is refused, because libsndfile would read half of it without a word:

- WAV (also RF64 and W64), AIFF, AU, SPHERE and MP3 with a Xing header: fewer bytes than the header declares.
  So even a part that is there is not read. Headers that were written into a pipe, and say no length, are
  taken as reaching to the end of the file.
- Ogg Vorbis and Opus: no end mark on the last page.
- FLAC: fewer samples than declared, or a frame that does not decode, in the part that is read.
- MP3 without a Xing header, and formats not named here: no length to compare with, so not noticed.
"""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.audio_length import Extent, find_extent
from asr.errors import AudioError

Samples = npt.NDArray[np.float32]

_BLOCK = 1 << 20  # frames read at a time: a header that lies about its length cannot ask for all the memory
_MP3_FRAME = 1152  # samples; encoders disagree on whether the header frame counts, so one may be missing
_AGAIN = "get the file again from where it came from, or leave it out"


@dataclass(frozen=True)
class Audio:
    """One stretch of mono sound."""

    samples: Samples  # (samples,) full scale is [-1, 1]; lossy formats and resampling can go a little beyond
    sample_rate: int  # Hz

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


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
    # One channel is its own mean; several are added in float64 so that their order does not matter.
    mono = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float64).astype(np.float32)
    if sample_rate is None:
        return Audio(np.ascontiguousarray(mono), file_rate)
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


def _read(path: Path, offset: float, duration: float | None) -> tuple[Samples, int]:
    """(frames, channels) float32, and Hz."""
    if not 0 <= offset < float("inf"):
        raise ValueError(f"offset must be 0 seconds or more, got {offset}")
    if duration is not None and not duration > 0:
        raise ValueError(f"duration must be more than 0 seconds, got {duration}")
    with _open(path) as (sound, extent):
        rate = int(sound.samplerate)
        start = round(offset * rate)
        # Rounding both ends, rather than the length, makes neighbouring parts join exactly.
        stop = None if duration is None else round((offset + duration) * rate)
        frames = _read_frames(path, sound, extent, start, stop)
    if not np.isfinite(frames).all():
        first = int((~np.isfinite(frames)).any(axis=1).argmax()) + start
        raise AudioError(
            f"{path}: sample {first} is not a finite number (NaN or infinity); mend it or leave it out"
        )
    return frames, rate


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Extent]]:
    """The opened soundfile.SoundFile and what its header declares."""
    import soundfile

    _refuse_what_is_no_file(path)
    try:
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from None
    with stream:
        extent = find_extent(stream)
        if extent.cut_off:
            raise AudioError(f"{path}: cut off: {_what_is_missing(extent)}; {_AGAIN}")
        stream.seek(0)
        # By descriptor, since libsndfile guesses from the name where the content says nothing: any text that
        # is called x.vox would be sound.
        source = stream.fileno() if extent.mend is None else _mended(stream, extent.mend)
        try:
            sound = soundfile.SoundFile(source, closefd=False)
        except soundfile.LibsndfileError as error:
            raise AudioError(_not_audio(path, extent, error.error_string)) from None
        with sound:
            yield sound, extent


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(f"{path}: is a folder; give an audio file")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{path}: is no regular file; save the sound to a file first")
    if status.st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes); {_AGAIN}")


def _mended(stream: io.FileIO, mend: tuple[slice, bytes]) -> io.BytesIO:
    """A copy in memory with some bytes put in."""
    place, replacement = mend
    content = bytearray(stream.read())
    content[place] = replacement
    return io.BytesIO(content)


def _read_frames(path: Path, sound: Any, extent: Extent, start: int, stop: int | None) -> Samples:
    """(frames, channels) from `start` to `stop`, or to the end where that comes first."""
    import soundfile

    declared = _declared_frames(path, sound, extent)
    if declared is not None:
        if declared == 0:
            raise AudioError(f"{path}: no samples (0 frames of {extent.container}); leave it out")
        if start >= declared:
            raise _past_the_end(
                path, start, sound.samplerate, f"; the file has {declared / sound.samplerate:g} s"
            )
        stop = declared if stop is None else min(stop, declared)
    try:
        sound.seek(start)
        blocks = list(_blocks(sound, None if stop is None else stop - start))
    except soundfile.LibsndfileError as error:
        if extent.open_ended and start:  # going to a place that is not there is the only thing that fails
            raise _past_the_end(path, start, sound.samplerate) from None
        found = f"decoding its {sound.format} failed ({str(error.error_string).strip('. ')})"
        raise AudioError(f"{path}: cut off or damaged: {found}; {_AGAIN}") from None
    frames: Samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    missing = 0 if declared is None or stop is None else stop - start - len(frames)
    if missing > (_MP3_FRAME if extent.container == "MP3" else 0):
        found = f"{declared} samples, {start + len(frames)} could be decoded"
        raise AudioError(f"{path}: cut off: its {sound.format} header declares {found}; {_AGAIN}")
    if not len(frames):
        raise AudioError(f"{path}: no samples from {start / sound.samplerate:g} s on; leave it out")
    return frames


def _blocks(sound: Any, wanted: int | None) -> Iterator[Samples]:
    """At least one block of (frames, channels), until `wanted` frames or the end."""
    while True:
        block = sound.read(_BLOCK if wanted is None else min(_BLOCK, wanted), dtype="float32", always_2d=True)
        yield block
        wanted = None if wanted is None else wanted - len(block)
        if wanted == 0 or not len(block):
            return


def _declared_frames(path: Path, sound: Any, extent: Extent) -> int | None:
    """Frames in the whole file where that is known before decoding."""
    frames = int(sound.frames)
    if extent.open_ended:
        return None
    if frames >= 1 << 60:  # libsndfile's word for unknown; only FLAC gets here
        raise AudioError(
            f"{path}: its {sound.format} header does not say how long it is (it was written into a pipe), so "
            "it could be cut off unnoticed; write it again to a file with `flac`, or convert it to WAV"
        )
    return frames


def _past_the_end(path: Path, start: int, rate: int, known: str = "") -> AudioError:
    found = f"offset {start / rate:g} s is past the end{known}"
    return AudioError(f"{path}: {found}; ask for an earlier part, or mend the manifest")


def _what_is_missing(extent: Extent) -> str:
    if extent.declared is None:
        return f"its last {extent.container} page is incomplete or has no end mark"
    return (
        f"its {extent.container} header declares {extent.declared} bytes of sound, {extent.present} are there"
    )


def _not_audio(path: Path, extent: Extent, reason: str) -> str:
    convert = "convert it to WAV, FLAC, MP3, OGG, Opus, AIFF or SPHERE"
    if extent.container == "unknown":
        with path.open("rb") as stream:
            start = stream.read(12)
        return f"{path}: not audio in a format that can be read, it begins with {start!r}; {convert}"
    if "(" in extent.container:
        return f"{path}: a {extent.container} file, whose compression cannot be read; {convert}"
    found = f"a broken or unsupported {extent.container} file ({reason.strip('. ')})"
    return f"{path}: {found}; {_AGAIN}, or {convert}"
