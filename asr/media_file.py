"""Sound in containers that libsndfile does not read, by PyAV (the extra `media`): M4A, AAC, WebM, AMR, videos.

Decoded in blocks, so that its length costs no memory. The content decides what a file is, never its name, and it is
read as that and nothing else: what FFmpeg might guess (a playlist, which names other files) is never tried.

Of several audio streams the one is heard that FFmpeg holds for the best (players do the same): marked as default, then
with the most channels and the highest bit rate. What encoders put before and behind the sound is left out, as the
container says; where its clock leaves a gap, as in a video whose sound begins late, there is silence, so that times are
those of the file.

Refused as cut off: MP4 and Matroska with less sound than they declare, and what ends within a packet. A WebM that was
recorded as it came (browsers), AAC and AMR declare no length: not noticed where the cut is between two packets.
"""

import importlib
import importlib.util
from collections.abc import Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from asr.errors import AudioError

Samples = npt.NDArray[np.float32]

EXTRA = "pip install 'attest-asr[media]'"
GAP = 0.1  # seconds that a packet may come too late; clocks of Matroska tick in milliseconds
LONGEST_GAP = 3600.0  # seconds; more is a damaged clock
SHORT = 0.2  # seconds that may be missing: what containers declare is rounded
_TICKS = 1_000_000  # of a container's clock in a second


# FFmpeg's names of what reads each container.
_DEMUXERS = {
    "MP4": "mov",
    "Matroska": "matroska",
    "AMR": "amr",
    "AAC": "aac",
    "WMA": "asf",
    "FLV": "flv",
    "AVI": "avi",
    "MPEG": "mpeg",
}
# What libsndfile reads only in part: Speex in Ogg, compressions in WAV.
_SECOND = {"Ogg": "ogg", "WAV": "wav"}


def needs_media(container: str) -> bool:
    """Whether it is this module's: a name of asr.audio_length.find_extent."""
    return container in _DEMUXERS


def may_read(container: str) -> bool:
    """Whether to try what libsndfile could not read although it knows the container. Not where PyAV is missing."""
    return container in _SECOND and importlib.util.find_spec("av") is not None


class MediaSound:
    """An opened file, with what `soundfile.SoundFile` has of attributes and methods.

    Args:
        stream: seekable, at any place; it stays open.
        container: a name of asr.audio_length.find_extent.
        name: of the file in messages.

    Raises:
        AudioError: PyAV is not installed, the file is damaged, or it holds no sound.
    """

    def __init__(self, stream: BinaryIO, container: str, name: str) -> None:
        self._name, self._kind = name, container
        try:
            self._av: Any = importlib.import_module("av")
        except ImportError:
            raise AudioError(
                f"{name}: {container} is read by the extra `media`: {EXTRA}; or convert the file to WAV or FLAC"
            ) from None
        stream.seek(0)
        try:
            self._container = self._av.open(
                stream, format=(_DEMUXERS | _SECOND)[container], metadata_errors="ignore"
            )
        except (self._av.error.FFmpegError, ValueError, OverflowError) as error:
            raise self._damaged(error) from None
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self._stream = self._container.streams.best("audio")
        if self._stream is None:
            raise AudioError(f"{self._name}: this {self._kind} file holds no sound; leave it out")
        if self._stream.codec_context is None:
            raise AudioError(
                f"{self._name}: the sound of this {self._kind} file is in no known coding; convert it"
            )
        self._stream.codec_context.thread_count = 1
        self._origin = (self._container.start_time or 0) / _TICKS
        self._reached = 0.0  # seconds, by packets of any stream
        self._place = 0  # samples that were read
        self._left = 0  # samples to leave out
        self._ready: list[Samples] = []
        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise AudioError(f"{self._name}: no samples in its {self._kind}; leave it out")
        # Not from the header: the rate of AAC with spectral band replication shows when it is decoded.
        self.samplerate, self.channels, self.format = self._rate, first.shape[1], self._kind
        self._ready.append(first)
        self.seconds = self._declared()

    def seek(self, frames: int) -> None:
        """Leaves out so many samples. Once, before anything is read."""
        self._left = frames

    def read(self, frames: int, **_form: object) -> Samples:
        """The next (frames, channels), always float32; fewer at the end, where there are none left.

        Raises:
            AudioError: cut off or damaged.
        """
        parts: list[Samples] = []
        wanted = frames
        while wanted:
            block = self._ready.pop() if self._ready else next(self._frames, None)
            if block is None:
                break
            if self._left:
                out = min(self._left, len(block))
                self._left, block = self._left - out, block[out:]
            if len(block) > wanted:
                self._ready.append(block[wanted:])
                block = block[:wanted]
            if len(block):
                parts.append(block)
                wanted -= len(block)
        return np.concatenate(parts) if parts else np.zeros((0, self.channels), np.float32)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _decoded(self) -> Iterator[Samples]:
        """(samples, channels) of the stream, from the beginning of the file to its end."""
        position, channels = 0, 0
        for frame in self._raw():
            if not position and not channels:
                self._rate, channels = int(frame.sample_rate), len(frame.layout.channels)
            if (int(frame.sample_rate), len(frame.layout.channels)) != (self._rate, channels):
                raise AudioError(
                    f"{self._name}: its sample rate or number of channels changes; convert it to WAV"
                )
            if frame.pts is not None:
                gap = float(frame.pts * frame.time_base) - self._origin - position / self._rate
                if gap > LONGEST_GAP:
                    raise AudioError(
                        f"{self._name}: damaged: a gap of {gap:.0f} s in its sound; convert it to WAV"
                    )
                if gap > GAP:
                    for silence in _silence(round(gap * self._rate), channels):
                        position += len(silence)
                        yield silence
            samples = _samples(self._array(frame), frame.format, channels)
            if (end := self._end()) is not None:
                samples = samples[: max(0, end - position)]
            position += len(samples)
            yield samples
        self._refuse_cut_off(position)

    def _array(self, frame: Any) -> npt.NDArray[Any]:
        try:
            found: npt.NDArray[Any] = frame.to_ndarray()
        except ValueError:  # PyAV has none for samples of 64 bits
            raise AudioError(
                f"{self._name}: its samples are of a form that cannot be read ({frame.format.name}); convert it to WAV "
                "of 16 bits"
            ) from None
        return found

    def _raw(self) -> Iterator[Any]:
        try:
            for packet in self._container.demux():
                if packet.is_corrupt:
                    raise self._cut_off("it ends within a packet")
                if packet.pts is not None and packet.time_base is not None:
                    after = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    self._reached = max(self._reached, after - self._origin)
                if packet.stream_index == self._stream.index:
                    yield from packet.decode()
        except (self._av.error.FFmpegError, ValueError, OverflowError) as error:
            raise self._damaged(error) from None

    def _end(self) -> int | None:
        """The sample after the last one, of containers that say so to the sample: what follows is padding."""
        stream = self._stream
        if self._kind != "MP4" or not stream.duration:
            return None
        seconds = float(((stream.start_time or 0) + stream.duration) * stream.time_base) - self._origin
        return max(0, round(seconds * self._rate))

    def _declared(self) -> float | None:
        """Seconds, where the header says them; None where FFmpeg would guess them."""
        if (end := self._end()) is not None:
            return end / self.samplerate
        if self._kind == "Matroska" and self._container.duration:
            return float(self._container.duration) / _TICKS
        return None

    def _refuse_cut_off(self, position: int) -> None:
        declared = self._declared() if position else None
        if declared is None:
            return
        reached = position / self._rate if self._kind == "MP4" else max(self._reached, position / self._rate)
        if declared - reached > SHORT:
            found = f"declares {declared:.1f} s, {reached:.1f} s are there"
            raise self._cut_off(f"its {self._kind} header {found}")

    def _cut_off(self, why: str) -> AudioError:
        return AudioError(
            f"{self._name}: cut off: {why}; get the file again from where it came from, or leave it out"
        )

    def _damaged(self, error: Exception) -> AudioError:
        reason = str(getattr(error, "strerror", "") or error).strip(". ")
        return AudioError(
            f"{self._name}: a broken, cut-off or unsupported {self._kind} file ({reason}); get the file again from "
            "where it came from, or convert it to WAV"
        )


def _silence(samples: int, channels: int) -> Iterator[Samples]:
    while samples > 0:
        yield np.zeros((min(samples, 1 << 16), channels), np.float32)
        samples -= 1 << 16


def _samples(array: npt.NDArray[Any], form: Any, channels: int) -> Samples:
    """(samples, channels) float32 of a frame, whose full scale becomes -1 to 1."""
    frames = array.T if form.is_planar else array.reshape(-1, channels)
    if frames.dtype == np.uint8:
        return ((frames.astype(np.float32) - 128) / 128).astype(np.float32)
    if np.issubdtype(frames.dtype, np.integer):
        return (frames / float(-int(np.iinfo(frames.dtype).min))).astype(np.float32)
    return np.ascontiguousarray(frames, dtype=np.float32)
