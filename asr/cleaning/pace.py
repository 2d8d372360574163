"""More text than can be said in the time, or hardly any for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.cleaning.texts import Complaint, script_of

FASTEST = 30.0  # letters a second that nobody says; hurried English has 20
FASTEST_SYLLABLES = 14.0  # likewise of scripts with a sign for a syllable or a word
SHARE = 95  # percent of a corpus that are slower than its fast ones, and faster than its slow ones
FASTER, SLOWER = 1.7, 3.0  # times as fast, or slow, as these: AN4, FSDD and yesno reach 1.1 and 1.6
SLOW_SECONDS = 3.0  # of audio, below which little text is no wonder
MARGIN = 0.2  # seconds that are added to the audio: of little audio, its edges are much
FEW = 30  # utterances, with fewer of which there are no outliers
_SYLLABLES = frozenset({"CJK", "HANGUL", "YI", "ETHIOPIC", "VAI"})


@dataclass(frozen=True)
class Pace:
    """How fast a corpus speaks: letters a second, of the time between the first sound and the last."""

    slow: float  # 95 % are faster
    usual: float  # the median
    fast: float  # 95 % are slower
    count: int

    @classmethod
    def of(cls, texts: Sequence[str], seconds: Sequence[float]) -> "Pace":
        """
        Args:
            texts: normalised.
            seconds: from the first sound to the last, of each.
        """
        rates = [
            weight(text) / (spoken + MARGIN) for text, spoken in zip(texts, seconds, strict=True) if text
        ]
        if not rates:
            return cls(0.0, 0.0, 0.0, 0)
        slow, usual, fast = (float(rate) for rate in np.percentile(rates, [100 - SHARE, 50, SHARE]))
        return cls(slow, usual, fast, len(rates))

    def complaint(self, text: str, seconds: float, spoken: float) -> Complaint | None:
        """
        Args:
            text: normalised.
            seconds: of the audio.
            spoken: seconds of it from the first sound to the last.
        """
        letters = weight(text)
        rate = letters / max(seconds, 1e-3)
        if rate > FASTEST:
            return Complaint(
                "too-long",
                f"{len(text)} characters in {seconds:.2f} s: {rate:.0f} letters a second",
                rate / FASTEST,
            )
        if self.count < FEW or not letters:
            return None
        # By the whole of it, which it cannot be said faster than; and by what is said where that is little.
        fast, slow = letters / (seconds + MARGIN), letters / (spoken + MARGIN)
        if fast > FASTER * self.fast:
            found = f"{len(text)} characters in {seconds:.2f} s: {fast:.1f} letters a second; usual: {self.usual:.1f}"
            return Complaint("too-long", found, fast / self.usual)
        if slow < self.slow / SLOWER and spoken > SLOW_SECONDS:
            found = f"{len(text)} characters for {spoken:.1f} s of sound: {slow:.2f} a second; usual: {self.usual:.1f}"
            return Complaint("too-short", found, self.usual / slow)
        return None


def weight(text: str) -> float:
    """Its letters and digits; a sign for a syllable or a word counts as what a syllable has elsewhere."""
    each = FASTEST / FASTEST_SYLLABLES
    return sum(each if script_of(sign) in _SYLLABLES else 1.0 for sign in text if sign.isalnum())
