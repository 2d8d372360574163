"""One utterance, heard several times: what is heard hangs on where a recording begins and ends, and ought not to.

An output every 40 ms stands for what lies around its place. Begin 10 ms later, and all places are others: on AN4 one
network of such outputs made 86 to 108 errors, by where the very same recordings were made to begin (docs/log.md). So
an utterance can be heard several times, each time with its outputs a part of an output further along, evenly around
where they are when it is heard once; their log-probs are averaged.

A stretch of a long recording begins and ends at a pause, which may be one between two words: then what surrounds it
belongs to it, and a network that normalises a whole and reads it both ways hears its part otherwise. So of four
hearings one is in the company of what comes after it, and one of what was before. Where there is no company, edges are
mirrored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from asr.decoding.averaging import average
from asr.recipe import FrontEnd, Model, samples_an_output
from asr.sound_file import NOTHING, Samples

LogProbs = npt.NDArray[np.float32]
Hear = Callable[[Sequence[Samples]], list[LogProbs]]  # waveforms to their log-probs

# Of one hearing after the other: in the company of what was before, of what comes after. Half of them alone were best
# on development speakers, also of a network that has never learned from two utterances in a row (docs/log.md).
IN_COMPANY = ((False, False), (False, True), (False, False), (True, False))
# Outputs: long company is cut so that a hearing is a multiple of it, but for a part of an output. Else nearly every one
# would have a length of its own, and oneDNN keeps kernels for the last 1,024: two hours of audio took 200 MB more.
EVEN = 16


class Placed(NamedTuple):
    """A waveform within a longer one."""

    samples: Samples
    heads: int  # outputs of the longer one that are before it
    tails: int  # and behind it


@dataclass(frozen=True)
class Hearings:
    """How often an utterance is heard, and where.

    Attributes:
        count: 1 hears it once, as it is.
        grid: samples from one output of the model to the next.
    """

    count: int
    grid: int

    @classmethod
    def of(cls, count: int, front_end: FrontEnd, model: Model) -> Self:
        """So many by a model."""
        return cls(count, samples_an_output(front_end, model))

    def __call__(
        self, waveform: Samples, hear: Hear, before: Samples = NOTHING, after: Samples = NOTHING
    ) -> LogProbs:
        """(frames, tokens) log-probs of a (samples,) waveform: as many as when it is heard once, at the same times.

        Args:
            hear: gives the log-probs of several waveforms, all of one length.
            before, after: (samples,) of the same recording, in whose company it is in some of several hearings.
        """
        if self.count == 1:
            return hear([waveform])[0]
        placed = self.placed(waveform, before, after)
        heard: list[LogProbs] = []
        for length in sorted({len(each.samples) for each in placed}):
            alike = [each for each in placed if len(each.samples) == length]
            found = hear([each.samples for each in alike])
            # What is beside the waveform is dropped: one output of mirrored sound at least.
            heard += [one[each.heads : -each.tails] for one, each in zip(found, alike, strict=True)]
        return average(heard, "log-probs")

    def placed(self, waveform: Samples, before: Samples = NOTHING, after: Samples = NOTHING) -> list[Placed]:
        """The waveform, once for each hearing, longer by whole outputs: by its company or by its mirrored edges."""
        middle = (self.count - 1) / 2
        found = []
        for number in range(self.count):
            step = round((number - middle) * self.grid / self.count)
            with_before, with_after = IN_COMPANY[number % len(IN_COMPANY)]
            ahead, behind = before if with_before else NOTHING, after if with_after else NOTHING
            heads, tails = self._outputs(ahead, step), self._outputs(behind, -step)
            spare = (heads + len(waveform) // self.grid + tails) % EVEN
            if heads - spare >= EVEN:
                heads -= spare
            elif tails - spare >= EVEN:
                tails -= spare
            head = self._ahead(waveform, ahead, self.grid * heads + step)
            tail = self._ahead(waveform[::-1], behind[::-1], self.grid * tails - step)[::-1]
            samples = np.concatenate([head, waveform, tail], dtype=np.float32)
            found.append(Placed(samples, heads, tails))
        return found

    def _outputs(self, company: Samples, step: int) -> int:
        """That are put on one side of the waveform, with `step` samples more: at least one, mirrored if need be."""
        return max(1, (len(company) - step) // self.grid)

    @staticmethod
    def _ahead(waveform: Samples, company: Samples, size: int) -> Samples:
        """What is put ahead of the waveform: the end of its company, or its own beginning mirrored."""
        if len(company) >= size:
            return company[len(company) - size :]
        return np.pad(waveform[:size], (size, 0), mode="symmetric")[:size]
