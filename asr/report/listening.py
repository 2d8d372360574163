"""What the model made of a piece of audio: posteriors, and the words where it finds them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.audio import Audio, read_audio
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import AlignmentError, AsrError, TokenizerError
from asr.model.inference import Inference
from asr.report.material import Run, without_places
from asr.transcribe.aligner import Aligner
from asr.transcribe.hear import posteriors
from asr.transcribe.transcript import Word
from asr.transcribe.windows import Windows
from asr.utterance import Utterance

LONGEST = 20.0  # seconds of an utterance that is drawn


@dataclass(frozen=True)
class Tokens:
    """Probabilities of the tokens over time."""

    names: tuple[str, ...]  # of each token; the first is the blank
    period: float  # seconds a frame
    probabilities: npt.NDArray[np.float32]  # (frames, tokens)
    centre: float = 0.0  # seconds to the middle of the first frame

    def second(self, frame: int) -> float:
        """At which a frame is."""
        return frame * self.period + self.centre


@dataclass(frozen=True)
class Heard:
    """One utterance by one run."""

    run: Run
    tokens: Tokens
    said: tuple[
        Word, ...
    ]  # of the reference, by forced alignment; empty where it cannot be laid over the audio
    words: tuple[Word, ...]  # of the hypothesis, likewise
    trouble: str  # why either is empty


class Listener:
    """A run's model, for some utterances.

    Raises:
        BundleError: the run has no model, or it is damaged.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._aligner = Aligner(run.given.path, device="cpu")
        bundle = self._aligner.bundle
        self._inference = Inference(bundle.model)
        self._rate = bundle.description.front_end.sample_rate
        self._windows = Windows.of(bundle.description.front_end, bundle.description.model)
        self._names = ("blank", *map(vocabulary_of(bundle.tokenizer).name, range(1, bundle.tokenizer.size)))

    def __call__(self, utterance: Utterance) -> Heard:
        """
        Raises:
            AudioError: its audio cannot be read.
        """
        audio = read_audio(
            utterance.audio_filepath,
            offset=utterance.offset,
            duration=utterance.duration or None,
            sample_rate=self._rate,
        )
        log_probs = posteriors(self._inference, [audio.samples])[0]
        heard = self.run.heard.get(utterance.id)
        said, trouble = self._words(utterance, utterance.text)
        words, other = self._words(utterance, heard.hypothesis if heard else "")
        period, centre = (each / self._rate for each in (self._windows.grid, self._windows.centre))
        tokens = Tokens(self._names, period, np.exp(log_probs), centre)
        return Heard(self.run, tokens, said, words, trouble or other)

    def _words(self, utterance: Utterance, text: str) -> tuple[tuple[Word, ...], str]:
        if not text.strip():
            return (), ""
        try:
            found = self._aligner(
                utterance.audio_filepath, text, offset=utterance.offset, duration=utterance.duration
            )
        except (AlignmentError, TokenizerError) as error:
            return (), without_places(str(error).removeprefix(f"{utterance.audio_filepath}: "))
        begin = utterance.offset
        return tuple(Word(each.word, each.start - begin, each.end - begin) for each in found.words), ""


def listeners(runs: Sequence[Run]) -> tuple[list[Listener], list[str]]:
    """Of those runs that have a model, and why the others have none."""
    found, trouble = [], []
    for run in runs:
        try:
            if run.tokenizer is not None:
                found.append(Listener(run))
        except AsrError as error:
            trouble.append(f"{run.label}: {without_places(str(error))}")
    return found, trouble


def sound_of(utterance: Utterance) -> Audio:
    """Its audio as it was recorded.

    Raises:
        AudioError: the file is not there, or cannot be read.
    """
    return read_audio(utterance.audio_filepath, offset=utterance.offset, duration=utterance.duration or None)
