"""Log-probs that carry what the encoder made of each frame, for an attention decoder that scores readings by it.

Whoever reads log-probs alone takes them as the arrays that they are. Frames that are cut out or joined here keep what
belongs to them; everything else that is made of them (sums, columns, copies) is plain log-probs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]


class Encoded(np.ndarray[Any, np.dtype[np.float32]]):
    """(frames, tokens) natural logarithms.

    Attributes:
        frames: (frames, values) of the encoder; None: they were lost on the way.
        scores: what an attention decoder has said of readings of just these frames.
    """

    frames: Frames | None
    scores: dict[tuple[int, ...], float]

    @classmethod
    def of(cls, log_probs: npt.NDArray[np.float32], frames: Frames) -> "Encoded":
        """Raises ValueError for as many of one as of the other."""
        if len(log_probs) != len(frames):
            raise ValueError(f"expected {len(log_probs)} encoded frames, got {len(frames)}")
        found = log_probs.view(cls)
        found.frames = frames
        return found

    def __array_finalize__(self, other: Any) -> None:
        self.frames, self.scores = None, {}

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(key, slice) and isinstance(found, Encoded) and self.frames is not None:
            found.frames = self.frames[key]
        return found


def joined(parts: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """One after the other; with the encoder's frames, where all parts have them."""
    log_probs = np.concatenate([np.asarray(part) for part in parts])
    frames = [part.frames for part in parts if isinstance(part, Encoded) and part.frames is not None]
    if not frames or len(frames) < len(parts):
        return log_probs
    return Encoded.of(log_probs, np.concatenate(frames))


def plain(log_probs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The log-probs alone: nothing keeps the encoder's frames in memory."""
    return np.array(log_probs) if isinstance(log_probs, Encoded) else log_probs
