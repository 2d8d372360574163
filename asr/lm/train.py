"""From texts to the file of a model."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.errors import LanguageModelError
from asr.files import sha256_file, whole_file
from asr.lm.arpa import NEVER, fill
from asr.lm.class_ngrams import written_out
from asr.lm.classes import Classes, learn
from asr.lm.counts import count_ngrams
from asr.lm.description import Description, Taken, TextUsed, write_description
from asr.lm.kneser_ney import FALLBACK, Discounts, Estimated, estimate, pruning_thresholds
from asr.lm.model import NGrams
from asr.lm.pruning import prune_by_entropy
from asr.lm.text import SPACE, STDIN, Corpus, Unit, read_corpus
from asr.lm.vocabulary import UNKNOWN_ID, read_vocabulary

BINARY = (".bin", ".klm")
ORDERS: dict[Unit, int] = {
    "word": 3,
    "character": 6,
}  # where none is asked for; KenLM as it is built reads 6 at most


@dataclass(frozen=True)
class Settings:
    """How a model is estimated."""

    order: int | None = (
        None  # length of the longest n-grams; None: that of ORDERS, or less where all texts are shorter
    )
    unit: Unit = "word"
    text_version: str = "plain-1"
    prune: tuple[int, ...] = (
        0,
    )  # n-grams seen at most so often are left out: one number a length, the last for more
    prune_entropy: float = 0.0  # relative growth of perplexity below which an n-gram is left out; 0: none is
    fallback: tuple[float, float, float] | None = (
        FALLBACK  # discounts where the text is too small; None: an error
    )
    classes: int = 0  # of words, learned from the texts, that n-grams are counted in; 0: words themselves

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: a value that cannot be; the message says what can.
        """
        if self.length < 1:
            raise ValueError(f"the order must be 1 or more, got {self.length}")
        pruning_thresholds(self.prune, self.length)
        if not 0 <= self.prune_entropy < float("inf"):
            raise ValueError(f"the threshold of pruning must be 0 or more, got {self.prune_entropy}")
        if self.classes < 0 or (self.classes and self.unit != "word"):
            raise ValueError(f"classes are of words, 1 or more of them, got {self.classes} of {self.unit}s")
        for k, value in enumerate(self.fallback or (), start=1):
            if not 0 < value <= k:
                raise ValueError(
                    f"discounts must be within 0 < D1 <= 1, 0 < D2 <= 2, 0 < D3 <= 3, got {self.fallback}"
                )

    @property
    def length(self) -> int:
        return ORDERS[self.unit] if self.order is None else self.order


def train(
    texts: Sequence[Path], out: Path, settings: Settings, vocabulary: Path | None = None
) -> Description:
    """Estimates a model, writes it to `out` and how it was made beside it.

    Args:
        out: KenLM binary if it ends in .bin or .klm, else ARPA, compressed if it ends in .gz.
        vocabulary: a file with words; any other word of the texts counts as `<unk>`.

    Raises:
        LanguageModelError: a text cannot be used, is too small, or `build_binary` is missing.
        StorageError: the file cannot be written.
    """
    if out.suffix in BINARY:
        _build_binary()  # before the work, not after it
    if out.is_dir():
        raise LanguageModelError(f"{out}: is a folder; name the file of the model")
    if any(path != STDIN and path.resolve() == out.resolve() for path in texts):
        raise LanguageModelError(f"{out}: is a text to learn from; give the model another name")
    if vocabulary is not None and vocabulary.resolve() == out.resolve():
        raise LanguageModelError(f"{out}: is the vocabulary; give the model another name")
    words = None if vocabulary is None else _given_words(vocabulary, settings)
    corpus = read_corpus(texts, settings.unit, settings.text_version, words)
    order = settings.order or min(ORDERS[settings.unit], corpus.longest)
    prune = pruning_thresholds(settings.prune, settings.length)[:order]
    classes = learn(corpus, settings.classes) if settings.classes else None
    counted = classes.corpus(corpus) if classes else corpus
    levels, discounts = estimate(count_ngrams(counted, order), settings.fallback, prune)
    if settings.prune_entropy:
        levels = prune_by_entropy(levels, settings.prune_entropy)
    ngrams = written_out(as_ngrams(levels), classes) if classes else as_ngrams(levels)
    with whole_file(out) as part:
        if out.suffix in BINARY:
            _convert(part, out, corpus.vocabulary.words, ngrams)
        else:
            fill(part, corpus.vocabulary.words, ngrams, compressed=out.suffix == ".gz")
        description = _description(
            sha256_file(part),
            settings,
            corpus,
            ngrams,
            None if words is None else _digest(words),
            discounts,
            prune,
            classes,
        )
        # First: one that describes another model is noticed, a model without one would pass for one of words.
        write_description(out, description)
    return description


def _description(
    sha256: str,
    settings: Settings,
    corpus: Corpus,
    ngrams: Sequence[NGrams],
    vocabulary: str | None,
    discounts: Sequence[Discounts],
    prune: Sequence[int],
    classes: Classes | None,
) -> Description:
    return Description(
        sha256=sha256,
        unit=settings.unit,
        text_version=settings.text_version,
        order=len(ngrams),
        ngrams=tuple(len(table.word) for table in ngrams),
        vocabulary=vocabulary,
        sentences=corpus.sentences,
        words=corpus.words,
        unknown=int((corpus.ids == UNKNOWN_ID).sum()),
        texts=tuple(TextUsed(name=s.name, sha256=s.sha256, sentences=s.sentences) for s in corpus.sources),
        discounts=tuple(Taken(values=d.values, estimated=d.estimated) for d in discounts),
        prune=tuple(prune),
        prune_entropy=settings.prune_entropy,
        classes=classes.number if classes else 0,
    )


def as_ngrams(levels: Sequence[Estimated]) -> list[NGrams]:
    """In logarithms; lengths of which pruning has left nothing are gone."""
    found = []
    for level in levels:
        if not len(level.word):
            break
        log10 = np.full(len(level.word), NEVER)
        np.log10(level.probability, out=log10, where=level.probability > 0)
        found.append(NGrams(level.history, level.word, np.minimum(log10, 0), np.log10(level.backoff)))
    return found


def _convert(part: Path, out: Path, words: Sequence[str], ngrams: Sequence[NGrams]) -> None:
    """Writes a KenLM binary to `part`.

    Raises:
        LanguageModelError: build_binary is missing, or fails.
    """
    program = _build_binary()
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "model.arpa"
        fill(arpa, words, ngrams, compressed=False)
        done = subprocess.run([program, arpa, part], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise LanguageModelError(f"{out}: build_binary failed: {said[0]}")


def _build_binary() -> str:
    program = shutil.which("build_binary")
    if program is None:
        raise LanguageModelError(
            "a KenLM binary needs KenLM's program build_binary, which is not on the PATH; write model.arpa (or "
            "model.arpa.gz) instead, which all decoders read, and convert it with `build_binary model.arpa model.bin`"
        )
    return program


def _given_words(path: Path, settings: Settings) -> list[str]:
    """The words of a vocabulary file; characters are single ones, and the space belongs to them."""
    words = read_vocabulary(path, settings.text_version)
    if settings.unit == "word":
        return words
    if long := [word for word in words if len(word) > 1]:
        raise LanguageModelError(
            f"{path}: {long[0]!r} is no character; a model of characters needs single ones"
        )
    return sorted({*words, SPACE})


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{word}\n" for word in words).encode()).hexdigest()
