"""Uploads to pieces of sound, no longer than the server takes: that is seen while they are decoded, not declared."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from asr.audio import Audio, Track, stream_audio
from asr.errors import AudioError
from asr.serve.models import Hearing
from asr.transcribe.reading import Piece


class TooLongError(AudioError):
    """More audio than the server takes."""


def pieces_of_upload(hearing: Hearing, file: BinaryIO, name: str, most: float) -> Iterator[Piece]:
    """The sound of an upload, as the model is to hear it.

    Args:
        name: of the file in messages.
        most: seconds.
    """
    blocks = _limited(stream_audio(Track(file, name=name)), name, most)
    return hearing.transcriber.pieces(0, blocks)


def _limited(blocks: Iterable[Audio], name: str, most: float) -> Iterator[Audio]:
    """Before they are resampled: what claims one sample a second would become thousands of times larger."""
    seconds = 0.0
    for block in blocks:
        seconds += block.seconds
        if seconds > most:
            raise TooLongError(f"{name}: longer than the {most:g} s of audio that this server takes; cut it")
        yield block
