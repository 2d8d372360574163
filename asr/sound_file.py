"""A sound file, opened by libsndfile and decoded in blocks, so that its length costs no memory.

Formats: WAV, FLAC, MP3, Ogg Vorbis and Opus, AIFF, NIST SPHERE, and what else libsndfile knows; M4A, WebM, videos
and more by asr.media_file. The content decides, never the name. A cut-off file is refused, because libsndfile would
read half of it without a word:

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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from asr.audio_length import Extent, find_extent
from asr.errors import AudioError
from asr.media_file import MediaSound, may_read, needs_media
from asr.shard_file import open_member, shard_of

Samples = npt.NDArray[np.float32]
NOTHING: Samples = np.zeros(0, np.float32)

LOUDEST = (
    1e6  # of samples that are -1 to 1 by right; some files of floats have whole numbers of 16 or 20 bits
)
_BLOCK = 1 << 20  # frames read at a time: a header that lies about its length cannot ask for all the memory
_MP3_FRAME = 1152  # samples; encoders disagree on whether the header frame counts, so one may be missing
_FARTHEST = (1 << 63) - 1  # that a place in a file can be
_AGAIN = "get the file again from where it came from, or leave it out"


@contextmanager
def open_sound(source: Path | BinaryIO, name: str = "") -> Iterator[tuple[Any, Extent]]:
    """The opened sound, a soundfile.SoundFile or what looks like one, and what its header declares.

    Args:
        source: a file, or a binary stream that can seek, which is read from its first byte and stays open.
        name: what messages call it.

    Raises:
        AudioError: no such file, a folder, empty, not sound, or shorter than its header says.
    """
    name = name or name_of(source)
    with _stream(source, name) as stream:
        extent = find_extent(stream)
        if extent.cut_off:
            raise AudioError(f"{name}: cut off: {_what_is_missing(extent)}; {_AGAIN}")
        with _opened(stream, extent, name) as sound:
            yield sound, extent


def name_of(source: Path | BinaryIO) -> str:
    """What messages call a source that was given no name."""
    return str(source) if isinstance(source, Path) else "the stream"


def _opened(stream: io.FileIO | io.BufferedReader, extent: Extent, name: str) -> Any:
    import soundfile

    if needs_media(extent.container):
        return MediaSound(stream, extent.container, name)
    stream.seek(0)
    if extent.mend is not None:
        source: Any = _Buffered(_Mended(stream, *extent.mend))
    elif isinstance(stream, io.FileIO):
        # By descriptor, since libsndfile guesses from the name where the content says nothing: any text that
        # is called x.vox would be sound.
        source = stream.fileno()
    else:
        source = stream
    try:
        return soundfile.SoundFile(source, closefd=False)
    except soundfile.LibsndfileError as error:
        if may_read(extent.container):
            with suppress(AudioError):
                return MediaSound(stream, extent.container, name)
        raise AudioError(_not_audio(stream, name, extent, error.error_string)) from None


def _stream(source: Path | BinaryIO, name: str) -> io.FileIO | io.BufferedReader:
    """A file by itself, one in a shard, whose path says its place there, or a view of a stream."""
    if not isinstance(source, Path):
        return _view(source, name)
    if shard_of(str(source)):
        return open_member(str(source))
    _refuse_what_is_no_file(source, name)
    try:
        return source.open("rb", buffering=0)
    except OSError as error:
        raise AudioError(f"{name}: cannot be opened ({error.strerror}); check its permissions") from None


def _view(stream: BinaryIO, name: str) -> io.BufferedReader:
    """The same bytes; closing it leaves the stream open, and it has no name to guess a format from."""
    if not stream.seekable() or not isinstance(stream.read(0), bytes):
        raise ValueError(
            f"expected a binary stream that can seek, got {stream!r}; read it into io.BytesIO first"
        )
    if stream.seek(0, io.SEEK_END) == 0:
        raise AudioError(f"{name}: empty (0 bytes); {_AGAIN}")
    return _Buffered(_Mended(stream, slice(0, 0), b""))


def _refuse_what_is_no_file(path: Path, name: str) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise AudioError(f"{name}: no such file; check the path") from None
    except OSError as error:
        raise AudioError(f"{name}: cannot be opened ({error.strerror}); check the path") from None
    except ValueError:
        shown = name.replace("\0", "\\0")
        raise AudioError(
            f"{shown}: no file has a zero byte in its name; names are parted by line ends"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(f"{name}: is a folder; give an audio file")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{name}: is no regular file; save the sound to a file first")
    if status.st_size == 0:
        raise AudioError(f"{name}: the file is empty (0 bytes); {_AGAIN}")


class _Buffered(io.BufferedReader):
    """Goes nowhere where no place can be, as a descriptor does: headers that lie send libsndfile there. An error could
    not get through libsndfile; it would be printed."""

    def __init__(self, mended: "_Mended") -> None:
        super().__init__(mended)
        self._size = mended.size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + (0, self.tell(), self._size)[whence]
        return super().seek(place) if 0 <= place <= _FARTHEST else self.tell()


class _Mended(io.RawIOBase):
    """A file with some bytes put in: as it were on disk, without a copy of it in memory."""

    def __init__(self, stream: BinaryIO, place: slice, replacement: bytes) -> None:
        self._stream, self._replacement = stream, replacement
        self._begin, self._rest = place.start, place.stop  # of the bytes that are replaced
        self._end = place.start + len(replacement)
        self._shift = self._end - place.stop
        self.size = stream.seek(0, io.SEEK_END) + self._shift
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self.size)[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:
        position, wanted = self._position, len(buffer)
        if position >= self.size:  # the stream itself may not be able to go there
            return 0
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
    name: str, sound: Any, extent: Extent, start: int = 0, stop: int | None = None
) -> Iterator[Samples]:
    """Blocks of (frames, channels) float32 from `start` to `stop`, or to the end where that comes first.

    Args:
        name: what messages call the source of `open_sound`.

    Raises:
        AudioError: no samples, `start` past the end, cut off or damaged, or a sample that is no finite number.
    """
    declared = _declared_frames(name, sound, extent)
    if declared is not None:
        if declared == 0:
            raise AudioError(f"{name}: no samples (0 frames of {extent.container}); leave it out")
        if start >= declared:
            raise _past_the_end(
                name, start, sound.samplerate, f"; the file has {declared / sound.samplerate:g} s"
            )
        stop = declared if stop is None else min(stop, declared)
    position = start
    for block in _blocks(name, sound, extent, start, stop):
        if not np.isfinite(block).all():
            first = int((~np.isfinite(block)).any(axis=1).argmax()) + position
            raise AudioError(
                f"{name}: sample {first} is not a finite number (NaN or infinity); mend it or leave it out"
            )
        if (loudest := float(np.abs(block).max(initial=0.0))) > LOUDEST:
            raise AudioError(
                f"{name}: a sample of {loudest:.3g}, where samples are -1 to 1; mend it or leave it out"
            )
        position += len(block)
        yield block
    missing = 0 if declared is None or stop is None else stop - position
    if missing > (_MP3_FRAME if extent.container == "MP3" else 0):
        found = f"{declared} samples, {position} could be decoded"
        raise AudioError(f"{name}: cut off: its {sound.format} header declares {found}; {_AGAIN}")
    if position == start:
        raise AudioError(f"{name}: no samples from {start / sound.samplerate:g} s on; leave it out")


def _blocks(name: str, sound: Any, extent: Extent, start: int, stop: int | None) -> Iterator[Samples]:
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
                raise _past_the_end(name, start, sound.samplerate) from None
            found = f"decoding its {sound.format} failed ({str(error.error_string).strip('. ')})"
            raise AudioError(f"{name}: cut off or damaged: {found}; {_AGAIN}") from None
        if not len(block):
            return
        position += len(block)
        yield block


def _declared_frames(name: str, sound: Any, extent: Extent) -> int | None:
    """Frames in the whole file where that is known before decoding."""
    if extent.open_ended or isinstance(sound, MediaSound):
        return None
    frames = int(sound.frames)
    if frames >= 1 << 60:  # libsndfile's word for unknown; only FLAC gets here
        raise AudioError(
            f"{name}: its {sound.format} header does not say how long it is (it was written into a pipe), so "
            "it could be cut off unnoticed; write it again to a file with `flac`, or convert it to WAV"
        )
    return frames


def _past_the_end(name: str, start: int, rate: int, known: str = "") -> AudioError:
    found = f"offset {start / rate:g} s is past the end{known}"
    return AudioError(f"{name}: {found}; ask for an earlier part, or mend the manifest")


def _what_is_missing(extent: Extent) -> str:
    if extent.declared is None:
        return f"its last {extent.container} page is incomplete or has no end mark"
    return (
        f"its {extent.container} header declares {extent.declared} bytes of sound, {extent.present} are there"
    )


def _not_audio(stream: BinaryIO, name: str, extent: Extent, reason: str) -> str:
    convert = "convert it to WAV, FLAC, MP3, OGG, Opus, AIFF or SPHERE"
    if extent.container == "unknown":
        stream.seek(0)
        start = stream.read(12)
        return f"{name}: not audio in a format that can be read, it begins with {start!r}; {convert}"
    if "(" in extent.container:
        return f"{name}: a {extent.container} file, whose compression cannot be read; {convert}"
    found = f"a broken or unsupported {extent.container} file ({reason.strip('. ')})"
    return f"{name}: {found}; {_AGAIN}, or {convert}"
