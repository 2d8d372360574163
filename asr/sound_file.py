"""A sound file, opened by libsndfile and decoded in blocks, so that its length costs no memory.

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
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.audio_length import Extent, find_extent
from asr.errors import AudioError
from asr.shard_file import open_member, shard_of

Samples = npt.NDArray[np.float32]

LOUDEST = (
    1e6  # of samples that are -1 to 1 by right; some files of floats have whole numbers of 16 or 20 bits
)
_BLOCK = 1 << 20  # frames read at a time: a header that lies about its length cannot ask for all the memory
_MP3_FRAME = 1152  # samples; encoders disagree on whether the header frame counts, so one may be missing
_AGAIN = "get the file again from where it came from, or leave it out"


@contextmanager
def open_sound(path: Path) -> Iterator[tuple[Any, Extent]]:
    """The opened soundfile.SoundFile and what its header declares.

    Raises:
        AudioError: no such file, a folder, empty, not sound, or shorter than its header says.
    """
    import soundfile

    with _stream(path) as stream:
        extent = find_extent(stream)
        if extent.cut_off:
            raise AudioError(f"{path}: cut off: {_what_is_missing(extent)}; {_AGAIN}")
        stream.seek(0)
        # By descriptor, since libsndfile guesses from the name where the content says nothing: any text that
        # is called x.vox would be sound.
        source = stream.fileno() if extent.mend is None else io.BufferedReader(_Mended(stream, *extent.mend))
        try:
            sound = soundfile.SoundFile(source, closefd=False)
        except soundfile.LibsndfileError as error:
            raise AudioError(_not_audio(path, extent, error.error_string)) from None
        with sound:
            yield sound, extent


def _stream(path: Path) -> io.FileIO:
    """A file by itself, or one in a shard, whose path says its place there."""
    if shard_of(str(path)):
        return open_member(str(path))
    _refuse_what_is_no_file(path)
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from None


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    except ValueError:
        name = str(path).replace("\0", "\\0")
        raise AudioError(
            f"{name}: no file has a zero byte in its name; names are parted by line ends"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(f"{path}: is a folder; give an audio file")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{path}: is no regular file; save the sound to a file first")
    if status.st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes); {_AGAIN}")


class _Mended(io.RawIOBase):
    """A file with some bytes put in: as it were on disk, without a copy of it in memory."""

    def __init__(self, stream: io.FileIO, place: slice, replacement: bytes) -> None:
        self._stream, self._replacement = stream, replacement
        self._begin, self._rest = place.start, place.stop  # of the bytes that are replaced
        self._end = place.start + len(replacement)
        self._shift = self._end - place.stop
        self._size = stream.seek(0, io.SEEK_END) + self._shift
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:
        position, wanted = self._position, len(buffer)
        if self._begin <= position < self._end:
            found = self._replacement[position - self._begin :][:wanted]
        else:
            if position < self._begin:
                wanted, place = min(wanted, self._begin - position), position
            else:
                place = position - self._shift
            self._stream.seek(place)
            found = self._stream.read(wanted)
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)


def decode(
    path: Path, sound: Any, extent: Extent, start: int = 0, stop: int | None = None
) -> Iterator[Samples]:
    """Blocks of (frames, channels) float32 from `start` to `stop`, or to the end where that comes first.

    Raises:
        AudioError: no samples, `start` past the end, cut off or damaged, or a sample that is no finite number.
    """
    declared = _declared_frames(path, sound, extent)
    if declared is not None:
        if declared == 0:
            raise AudioError(f"{path}: no samples (0 frames of {extent.container}); leave it out")
        if start >= declared:
            raise _past_the_end(
                path, start, sound.samplerate, f"; the file has {declared / sound.samplerate:g} s"
            )
        stop = declared if stop is None else min(stop, declared)
    position = start
    for block in _blocks(path, sound, extent, start, stop):
        if not np.isfinite(block).all():
            first = int((~np.isfinite(block)).any(axis=1).argmax()) + position
            raise AudioError(
                f"{path}: sample {first} is not a finite number (NaN or infinity); mend it or leave it out"
            )
        if (loudest := float(np.abs(block).max(initial=0.0))) > LOUDEST:
            raise AudioError(
                f"{path}: a sample of {loudest:.3g}, where samples are -1 to 1; mend it or leave it out"
            )
        position += len(block)
        yield block
    missing = 0 if declared is None or stop is None else stop - position
    if missing > (_MP3_FRAME if extent.container == "MP3" else 0):
        found = f"{declared} samples, {position} could be decoded"
        raise AudioError(f"{path}: cut off: its {sound.format} header declares {found}; {_AGAIN}")
    if position == start:
        raise AudioError(f"{path}: no samples from {start / sound.samplerate:g} s on; leave it out")


def _blocks(path: Path, sound: Any, extent: Extent, start: int, stop: int | None) -> Iterator[Samples]:
    """(frames, channels) from `start` until `stop` or the end."""
    import soundfile

    position = start
    while stop is None or position < stop:
        wanted = _BLOCK if stop is None else min(_BLOCK, stop - position)
        try:
            if position == start:
                sound.seek(start)
            block = sound.read(wanted, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            if extent.open_ended and start:  # going to a place that is not there is the only thing that fails
                raise _past_the_end(path, start, sound.samplerate) from None
            found = f"decoding its {sound.format} failed ({str(error.error_string).strip('. ')})"
            raise AudioError(f"{path}: cut off or damaged: {found}; {_AGAIN}") from None
        if not len(block):
            return
        position += len(block)
        yield block


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
        with _stream(path) as stream:
            start = stream.read(12)
        return f"{path}: not audio in a format that can be read, it begins with {start!r}; {convert}"
    if "(" in extent.container:
        return f"{path}: a {extent.container} file, whose compression cannot be read; {convert}"
    found = f"a broken or unsupported {extent.container} file ({reason.strip('. ')})"
    return f"{path}: {found}; {_AGAIN}, or {convert}"
