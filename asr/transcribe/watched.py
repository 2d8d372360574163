"""A transcriber that says how far it has come within files, which may be hours long."""

from collections.abc import Callable
from typing import Any

from asr.transcribe.reading import Piece
from asr.transcribe.transcriber import Heard, Transcriber


class WatchedTranscriber(Transcriber):
    """
    Args:
        heard: is told the number of a file among those of `many`, and the second up to which it has been heard; by any
            thread, and not in order.
    """

    def __init__(self, *arguments: Any, heard: Callable[[int, float], None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heard = heard

    def hear(self, pieces: list[Piece]) -> Heard:
        found = super().hear(pieces)
        for piece in pieces:
            self._heard(piece.file, (piece.begin + len(piece.samples)) / self.sample_rate)
        return found
