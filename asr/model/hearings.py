"""One utterance, heard at several places: what is heard depends on where a recording begins, and ought not to.

An output every 40 ms stands for what lies around its place. Begin 10 ms later, and all places are others: on AN4 one
network of such outputs made 86 to 108 errors, by where the very same recordings were made to begin (docs/log.md). So
an utterance can be heard several times, each time with its outputs a part of an output further along, evenly around
where they are when it is heard once; their log-probs are averaged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from asr.decoding.averaging import average
from asr.recipe import FrontEnd, Model, samples_an_output
from asr.sound_file import Samples

LogProbs = npt.NDArray[np.float32]
Hear = Callable[[Sequence[Samples]], list[LogProbs]]  # waveforms to their log-probs


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

    def __call__(self, waveform: Samples, hear: Hear) -> LogProbs:
        """(frames, tokens) log-probs of a (samples,) waveform: as many as when it is heard once, at the same times.

        Args:
            hear: gives the log-probs of several waveforms, all of one length.
        """
        if self.count == 1:
            return hear([waveform])[0]
        # One output more on either side is dropped: it is heard where the waveform was lengthened.
        return average([log_probs[1:-1] for log_probs in hear(self.moved(waveform))], "log-probs")

    def moved(self, waveform: Samples) -> list[Samples]:
        """The waveform, once for each hearing, two outputs longer: lengthened on both sides by its mirrored edges."""
        middle = (self.count - 1) / 2
        steps = [round((place - middle) * self.grid / self.count) for place in range(self.count)]
        return [
            np.pad(waveform, (self.grid + step, self.grid - step), mode="symmetric").astype(
                np.float32, copy=False
            )
            for step in steps
        ]
