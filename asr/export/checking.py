"""An ONNX file against torch, on the same sound: alone and in batches, log-probs, transcripts and word errors."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asr.decoding.bundled import bundled_decoder, reader_of
from asr.decoding.greedy import greedy
from asr.errors import BundleError
from asr.evaluation.hypotheses import Hypothesis
from asr.evaluation.significance import Paired, matched_pairs
from asr.export.material import Heard, Material, Said
from asr.model.bundle import Bundle
from asr.model.exported import Audio, Check, Difference, Errors, Shape
from asr.model.inference import Inference
from asr.randomness import numpy_generator
from asr.runs.outcomes import outcomes_of
from asr.scoring import count_errors
from asr.text import normalise
from asr.transcribe.hear import CLOSE, LogProbs, posteriors

LIMIT = CLOSE  # nats: what is decided by less, greedy decoding computes again alone (asr.transcribe.hear)
MARGIN = 0.005  # of the word error rate, by which 8 bits may be worse, however certain that is
SURE = 0.05  # p of the paired test
ROWS, PADDING = (3, 8, 24), (0, 1, 4321)  # of batches: utterances, samples of noise behind the longest
LEAST = 1e-30  # log-probs below its logarithm are nothing
Progress = Callable[[int, int], None]


@dataclass
class Side:
    """One of the two that hear, each utterance alone."""

    heard: list[Hypothesis] = field(default_factory=list)
    seconds: float = 0.0  # of computing

    @property
    def errors(self) -> int:
        """In words."""
        return sum(count_errors(each.reference, each.hypothesis).errors for each in self.heard)


@dataclass(frozen=True)
class Compared:
    """What came of a check."""

    check: Check
    torch: Side
    onnx: Side
    texts: int  # the transcripts that were compared

    @property
    def least_excluded(self) -> float:
        """The smallest loss of word error rate that the words heard rule out (95 %); 0 where nothing was tested.

        At least 3 in the number of words, as little as that many can tell though not one is heard otherwise.
        Hanley and Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA 249 (1983).
        """
        found = self.check.comparison
        return 0.0 if found is None else max(found.interval_95[1], 3 / self.check.audio.words)

    @property
    def fault(self) -> str:
        """Why the file must not be used; "": it may."""
        check = self.check
        worst = max(shape.difference for shape in check.shapes)
        if not check.limit:
            return _loss(check.comparison) if check.comparison is not None else ""
        if worst > check.limit:
            return f"its log-probs differ from torch's by {worst:.2g}, more than {check.limit:.2g}"
        if check.different:
            return f"{check.different} of {self.texts} transcripts are not those of torch"
        if check.errors is not None and check.errors.torch != check.errors.onnx:
            return f"it makes {check.errors.onnx} word errors, torch {check.errors.torch}"
        return ""


class _Alone:
    """Both hear each utterance alone."""

    def __init__(self, folder: Path, bundle: Bundle, session: Any, material: Material) -> None:
        self._inference, self._session, self._text = Inference(bundle.model), session, material.text
        # An ONNX file has no attention decoder: both are read without one, as it will be.
        decoder = bundled_decoder(folder, bundle).by_ctc_alone()
        self._folder, self._read = folder, reader_of(folder, bundle, decoder)
        self._heard = Heard(material)
        self.torch, self.onnx = Side(), Side()
        self.first: list[tuple[Said, LogProbs]] = []  # that torch heard, for batches
        self.difference, self.different = 0.0, 0

    def hear(self, said: Said) -> None:
        began = time.process_time()
        ours = posteriors(self._inference, [said.samples])[0]
        between = time.process_time()
        theirs = run(self._session, [said.samples])[0]
        self.torch.seconds += between - began
        self.onnx.seconds += time.process_time() - between
        distance = _distance(ours, theirs)
        if not np.isfinite(distance):
            raise BundleError(
                f"{self._folder}: not exported: {said.id}: what torch or the ONNX file hears is not finite, or they "
                "have other frames"
            )
        self.difference = max(self.difference, distance)
        for side, log_probs in ((self.torch, ours), (self.onnx, theirs)):
            text = normalise(self._read(log_probs).text, self._text)
            side.heard.append(Hypothesis(said.id, said.speaker, said.reference, text))
        same = greedy(ours) == greedy(theirs)
        self.different += not same or self.torch.heard[-1] != self.onnx.heard[-1]
        self._heard.add(said)
        if len(self.first) < max(ROWS):
            self.first.append((said, ours))

    @property
    def audio(self) -> Audio:
        return self._heard.audio()


def compare(
    folder: Path,
    bundle: Bundle,
    session: Any,
    material: Material,
    *,
    rounded: bool = False,
    accept_loss: bool = False,
    progress: Progress = lambda done, total: None,
) -> Compared:
    """Lets both hear the same.

    Args:
        folder: of the bundle, whose own way to read makes the transcripts.
        session: of the ONNX file.
        rounded: its weights are of 8 bits: then word errors decide, and no limit of the differences.
        accept_loss: more of them are not a fault.

    Raises:
        AudioError: a file cannot be read.
        BundleError: what either of them hears is no number, or they have other frames; or weights of 8 bits, and no
            references to tell what that costs.
    """
    alone = _Alone(folder, bundle, session, material)
    for done, said in enumerate(material, 1):
        alone.hear(said)
        progress(done, len(material))
    utterances = len(alone.torch.heard)
    shapes = [Shape(rows=1, utterances=utterances, padding=0, difference=alone.difference)]
    check = Check(
        audio=alone.audio,
        shapes=tuple(shapes if rounded else [*shapes, *_batches(session, alone.first)]),
        limit=0.0 if rounded else LIMIT,
        different=alone.different,
        errors=Errors(torch=alone.torch.errors, onnx=alone.onnx.errors) if alone.audio.words else None,
        comparison=_paired(folder, alone, accept_loss) if rounded else None,
    )
    return Compared(check, alone.torch, alone.onnx, utterances)


def run(session: Any, waveforms: Sequence[np.ndarray], padding: int = 0) -> list[LogProbs]:
    """(frames, tokens) of each waveform in a batch; behind each, and `padding` samples more, there is noise."""
    size = max(map(len, waveforms)) + padding
    batch = numpy_generator(0, "export-noise").standard_normal((len(waveforms), size)).astype(np.float32)
    for row, waveform in enumerate(waveforms):
        batch[row, : len(waveform)] = waveform
    lengths = np.array([len(waveform) for waveform in waveforms], np.int64)
    log_probs, frames = session.run(["log_probs", "frames"], {"waveforms": batch, "lengths": lengths})
    return [log_probs[row, :count] for row, count in enumerate(frames.tolist())]


def _batches(session: Any, utterances: Sequence[tuple[Said, LogProbs]]) -> list[Shape]:
    shapes = []
    for rows, padding in zip(ROWS, PADDING, strict=True):
        worst = 0.0
        for begin in range(0, len(utterances), rows):
            some = utterances[begin : begin + rows]
            found = run(session, [said.samples for said, _ in some], padding)
            worst = max(
                worst, *(_distance(ours, theirs) for (_, ours), theirs in zip(some, found, strict=True))
            )
        shapes.append(Shape(rows=rows, utterances=len(utterances), padding=padding, difference=worst))
    return shapes


def _distance(ours: LogProbs, theirs: LogProbs) -> float:
    """Largest difference in nats; infinite where frames are missing or values are no numbers, on either side."""
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    floor = np.log(LEAST)
    return float(np.abs(np.maximum(ours, floor) - np.maximum(theirs, floor)).max(initial=0.0))


def _paired(folder: Path, alone: _Alone, accepted: bool) -> Difference | None:
    """None: there is no text, and nobody minds."""
    if not alone.audio.words:
        if accepted:
            return None
        raise BundleError(
            f"{folder}: what 8 bits cost shows on sound with its text alone: give --check MANIFEST, or --accept-loss"
        )
    try:
        test = matched_pairs(Paired.of(outcomes_of(alone.torch.heard), outcomes_of(alone.onnx.heard)))
    except ValueError as error:
        raise BundleError(
            f"{folder}: what 8 bits cost cannot be tested: {error}; give another --check"
        ) from None
    found = Difference(
        difference=test.difference, interval_95=test.interval_95, p=test.p, margin=MARGIN, accepted=False
    )
    return found.model_copy(update={"accepted": accepted and bool(_loss(found))})


def _loss(found: Difference) -> str:
    """What is wrong with it, unless it was accepted."""
    if found.accepted or found.difference <= found.margin or found.p >= SURE:
        return ""
    low, high = found.interval_95
    return (
        f"8 bits cost {found.difference:.2%} of word error rate ({low:.2%} to {high:.2%}, p = {found.p:.2g}), more "
        f"than {found.margin:.2%}; leave out --int8, or --accept-loss"
    )
