"""Models by corpora: how each model does on each corpus, also on those that it has never heard.

A rate is given twice: of texts as they are written, and of texts normalised by one version for all cells. Beside them
is the share of the reference that a model could not have written whatever it hears: out of its alphabet.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from asr.decoding.bundled import bundled_decoder, reader_of
from asr.decoding.reader import GREEDY
from asr.errors import CorpusError, TokenizerError
from asr.evaluation.decode import decode, log_probs_alone
from asr.manifest import Utterance
from asr.model.bundle import Bundle, load_bundle
from asr.model.description import Description
from asr.recipe import Score as ScoreSettings
from asr.scoring import Score, Unit, score
from asr.text import normalise
from asr.tokenizer import CharacterTokenizer, Tokenizer

Progress = Callable[[str, int, int], None]  # (what, done, total)


@dataclass(frozen=True)
class SpokenPart:
    """A part of a corpus, to be heard by all models."""

    name: str
    utterances: Sequence[Utterance]
    identity: str  # digest of its decoded audio, texts and speakers
    about: dict[str, Any]  # where it comes from, for the record

    def to_json(self) -> dict[str, Any]:
        seconds = round(sum(utterance.duration for utterance in self.utterances), 3)
        return {
            "corpus": self.name,
            "identity": self.identity,
            "utterances": len(self.utterances),
            "seconds": seconds,
            **self.about,
        }


@dataclass(frozen=True)
class Heard:
    """A model to be tested."""

    name: str
    folder: Path
    bundle: Bundle

    @classmethod
    def of(cls, name: str, folder: Path) -> "Heard":
        """Raises BundleError: no bundle, or an altered one."""
        return cls(name, folder, load_bundle(folder))

    def to_json(self) -> dict[str, Any]:
        description = self.bundle.description
        return {**named(self.name, description), "sample_rate": description.front_end.sample_rate}


def named(name: str, description: Description) -> dict[str, Any]:
    """Which model it is, for a record."""
    return {
        "model": name,
        "recipe": description.name,
        "weights": description.weights,
        "recipe_digest": description.recipe_digest,
    }


@dataclass(frozen=True)
class Cell:
    """A model on a corpus."""

    model: str
    corpus: str
    decoder: str  # greedy, or the model's own search
    normalised: Score
    raw: Score
    outside: int  # characters of the normalised references, spaces not counted, that it cannot write
    characters: int  # of them all

    @property
    def out_of_alphabet(self) -> float:
        return self.outside / self.characters if self.characters else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "corpus": self.corpus,
            "decoder": self.decoder,
            **self.normalised.to_json(),
            "raw": {"wer": self.raw.wer, "words": asdict(self.raw.words), "cer": self.raw.cer},
            "out_of_alphabet": {
                "rate": self.out_of_alphabet,
                "outside": self.outside,
                "characters": self.characters,
            },
        }


def evaluate_on(
    model: Heard,
    corpus: SpokenPart,
    *,
    text: str = "plain-1",
    unit: Unit = "word",
    which: Literal["greedy", "beam"] = "greedy",
    workers: int = 1,
    bootstrap: int = 10_000,
    progress: Progress = lambda what, done, total: None,
) -> Cell:
    """One cell. Audio of another sample rate is resampled to the model's.

    Args:
        text: version of the normaliser, of references and hypotheses.
        unit: what errors are counted in.
        which: beam is the search that the model carries.

    Raises:
        AudioError: a file cannot be read; names it.
        BundleError: it carries no search and one was asked for.
        CorpusError: nothing is said in it.
    """
    utterances, tokenizer = corpus.utterances, model.bundle.tokenizer
    references = [normalise(utterance.text, text) for utterance in utterances]
    if not any(references):
        raise CorpusError(
            f"{corpus.name}: none of its {len(utterances)} utterances has a text, so nothing can be scored"
        )
    heard = _texts(model, utterances, which, workers, partial(progress, f"{model.name} on {corpus.name}"))
    written = [normalise(hypothesis, text) for hypothesis in heard]
    outside = sum(_outside(reference, tokenizer) for reference in references)
    return Cell(
        model.name,
        corpus.name,
        which,
        score(list(zip(references, written, strict=True)), bootstrap=bootstrap, unit=unit),
        score([(u.text, each) for u, each in zip(utterances, heard, strict=True)], bootstrap=1, unit=unit),
        outside,
        sum(len("".join(reference.split())) for reference in references),
    )


def _texts(
    model: Heard,
    utterances: Sequence[Utterance],
    which: Literal["greedy", "beam"],
    workers: int,
    progress: Callable[[int, int], None],
) -> list[str]:
    acoustic, tokenizer = model.bundle.model, model.bundle.tokenizer
    if which == GREEDY:
        return decode(acoustic, tokenizer, utterances, ScoreSettings(), workers=workers, progress=progress)
    decoder = bundled_decoder(model.folder, model.bundle, which)
    read = reader_of(model.folder, model.bundle, decoder)
    found = log_probs_alone(
        acoustic, utterances, workers=workers, hearings=decoder.hearings, progress=progress
    )
    return [read(log_probs).text for log_probs in found]


def _outside(reference: str, tokenizer: Tokenizer) -> int:
    """Characters that the tokenizer cannot write; where it writes words as a whole, those of the words."""
    if isinstance(tokenizer, CharacterTokenizer):
        return sum(character not in tokenizer.alphabet for character in reference if character != " ")
    return sum(len(word) for word in reference.split() if not _writes(tokenizer, word))


def _writes(tokenizer: Tokenizer, word: str) -> bool:
    try:
        tokenizer.encode(word)
    except TokenizerError:
        return False
    return True
