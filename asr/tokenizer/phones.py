"""Phones as tokens, by a pronunciation lexicon that travels with the tokenizer."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asr.errors import TokenizerError
from asr.pronunciations import Pronunciations, some_words
from asr.tokenizer.base import Tokenizer
from asr.tokenizer.homophones import Beside, Pairs, homophones, only_beside

if TYPE_CHECKING:
    from asr.tokenizer.segmentation import Segment, Segmenter

BOUNDARY = " "  # the symbol of the token between two words


class PhoneTokenizer(Tokenizer):
    """One token a phone, and one between words unless `boundaries` is false.

    A text becomes the first pronunciation of each word. Tokens become the words of the training texts that take the
    fewest edits of phones (asr.tokenizer.segmentation); a search with a lexicon can find all words that have a
    pronunciation in these phones.
    """

    def __init__(
        self,
        phones: Sequence[str],
        pronunciations: Mapping[str, Sequence[str]],
        counts: Mapping[str, int],
        pairs: Pairs,
        *,
        boundaries: bool,
        source: str,
    ) -> None:
        """
        Args:
            phones: the phones that are tokens.
            pronunciations: of each word, phones parted by spaces, the preferred one first. Those with other phones
                are kept, and not used.
            counts: how often each word stands in the training texts.
            pairs: how often one word stands before another there; of words that sound as another one.
            boundaries: whether a token stands between words.
            source: where the pronunciations come from, for messages and records.

        Raises:
            ValueError: a phone that is empty, has a space or appears twice; a word or pronunciation that is no text,
                a count that is no whole number or of a word without a pronunciation.
        """
        if any(not isinstance(phone, str) or phone.split() != [phone] for phone in phones):
            raise ValueError(f"phones are texts without spaces, got {list(phones)}")
        if not phones or len(set(phones)) != len(phones):
            raise ValueError(f"there is at least one phone, and each is one token, got {list(phones)}")
        self.phones = tuple(phones)
        self.boundaries = boundaries
        self.source = source
        self.symbols = ("", *((BOUNDARY,) if boundaries else ()), *self.phones)  # of each token
        self.pronunciations = {word: tuple(ways) for word, ways in pronunciations.items()}
        self.counts = dict(counts)
        self.pairs = {before: dict(after) for before, after in pairs.items()}
        self._numbers = {symbol: token for token, symbol in enumerate(self.symbols)}
        self._known: dict[str, list[list[int]]] = {}
        _check_words(self.pronunciations)
        _check_counts(self.counts, self.pairs, self.pronunciations)
        if silent := [word for word in self.counts if not self._ways(word)]:
            raise ValueError(
                f"words of the training texts that these phones cannot write: {some_words(silent)}"
            )

    @property
    def size(self) -> int:
        return len(self.symbols)

    @property
    def boundary(self) -> int | None:
        """The token between words."""
        return self._numbers[BOUNDARY] if self.boundaries else None

    def encode(self, text: str) -> list[int]:
        words = text.split()
        self.refuse_unknown(words)
        tokens: list[int] = []
        for number, word in enumerate(words):
            if number and self.boundary is not None:
                tokens.append(self.boundary)
            tokens += self._ways(word)[0]
        return tokens

    def spellings(self, word: str) -> list[list[int]]:
        self.refuse_unknown([word])
        return self._ways(word)

    def refuse_unknown(self, words: Iterable[str]) -> None:
        """
        Raises:
            TokenizerError: words that cannot be written in these phones; names them and says why.
        """
        lacking = [word for word in dict.fromkeys(words) if not self._ways(word)]
        parts = []
        if unknown := [word for word in lacking if word not in self.pronunciations]:
            parts.append(
                f"no pronunciation in {self.source} for {some_words(unknown)}: leave these words out, or train with a "
                "lexicon that has them"
            )
        if strange := [word for word in lacking if word in self.pronunciations]:
            parts.append(
                f"only pronunciations with phones that no training text has for {some_words(strange)}: leave these "
                "words out"
            )
        if parts:
            raise TokenizerError("; ".join(parts))

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(segment.word for segment in self.segment(ids))

    def segment(self, ids: Sequence[int]) -> "tuple[Segment, ...]":
        """The words of tokens, as in `decode`, each with the places of its tokens.

        Raises:
            ValueError: a token is the blank or out of range.
        """
        self._check(ids)
        return self._segmenter([int(token) for token in ids])

    def choose(self, words: Sequence[str]) -> list[str]:
        """The same words, each of them as its homophone that fits best beside the others in the training texts.

        Words that no training text has stay as they are.
        """
        return self._beside.choose([self._alike.get(word, [word]) for word in words])

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "phones",
            "phones": list(self.phones),
            "boundaries": self.boundaries,
            "source": self.source,
            "pronunciations": {word: list(ways) for word, ways in sorted(self.pronunciations.items())},
            "counts": dict(sorted(self.counts.items())),
            "pairs": {before: dict(sorted(after.items())) for before, after in sorted(self.pairs.items())},
        }

    @cached_property
    def _segmenter(self) -> "Segmenter":
        from asr.tokenizer.segmentation import Segmenter  # numpy, late

        spelled = [(word, way) for word in self.counts for way in self._ways(word)]
        return Segmenter(spelled, self.counts, self._beside, self.boundary)

    @cached_property
    def _beside(self) -> Beside:
        return Beside(self.counts, self.pairs)

    @cached_property
    def _alike(self) -> dict[str, list[str]]:
        """Words of the training texts that can be said in every way in which a word can, most frequent first, by that
        word: so whichever of its pronunciations was heard, it is one of theirs."""
        ways = {word: {tuple(way) for way in self._ways(word)} for word in self.counts}
        found: dict[str, set[str]] = {}
        for words in homophones((word, way) for word in self.counts for way in self._ways(word)).values():
            for word in words:
                found.setdefault(word, set()).update(other for other in words if ways[word] <= ways[other])
        return {word: sorted(alike, key=lambda w: (-self.counts[w], w)) for word, alike in found.items()}

    def _ways(self, word: str) -> list[list[int]]:
        """The pronunciations of a word that these phones can write, as tokens."""
        if word not in self._known:
            every = [way.split() for way in self.pronunciations.get(word, ())]
            self._known[word] = [
                [self._numbers[phone] for phone in way] for way in every if self._numbers.keys() >= set(way)
            ]
        return self._known[word]


def phone_tokenizer(
    pronunciations: Pronunciations, counts: Mapping[str, int], pairs: Pairs, *, boundaries: bool
) -> PhoneTokenizer:
    """The tokenizer of training texts: its phones are those of the words in them, as they are trained on.

    Args:
        counts: of the words in the training texts; those without a pronunciation do not count.
        pairs: of all words beside each other in them.

    Raises:
        TokenizerError: none of them has a pronunciation.
    """
    known = {word: count for word, count in sorted(counts.items()) if word in pronunciations.words}
    if not known:
        raise TokenizerError(
            f"{pronunciations.source} has no pronunciation for any of the {len(counts)} words of the training texts "
            f"({some_words(sorted(counts))}); is it a lexicon of another language?"
        )
    phones = sorted({phone for word in known for phone in pronunciations.words[word][0].split()})
    alike = homophones((word, way.split()) for word in known for way in pronunciations.words[word])
    pairs = only_beside(pairs, (word for words in alike.values() for word in words))
    return PhoneTokenizer(
        phones, pronunciations.words, known, pairs, boundaries=boundaries, source=pronunciations.source
    )


def refuse_missing_words(texts: Iterable[tuple[str, str]], pronunciations: Pronunciations) -> None:
    """Nothing is learned before every word of the training texts has a pronunciation.

    Args:
        texts: (utterance, normalised text).

    Raises:
        TokenizerError: names words without one and the first utterance of each, and says what to do.
    """
    where: dict[str, list[str]] = {}
    for utterance, text in texts:
        for word in dict.fromkeys(text.split()):
            if word not in pronunciations.words:
                where.setdefault(word, []).append(utterance)
    if not where:
        return
    ordered = sorted(where, key=lambda word: (-len(where[word]), word))
    named = [f"{word!r} ({_some_utterances(where[word])})" for word in ordered]
    raise TokenizerError(
        f"{pronunciations.source} has no pronunciation for {len(where)} words of the training texts: "
        f"{some_words(named)}. Add a line for each, like `READ  R EH D`, to a lexicon of your own and name it by "
        "tokenizer.pronunciations; or mend these texts; or leave the utterances out of the corpus"
    )


def _some_utterances(names: Sequence[str]) -> str:
    return f"utterance {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _check_words(pronunciations: Mapping[str, Sequence[str]]) -> None:
    for word, ways in pronunciations.items():
        if not isinstance(word, str) or word.split() != [word]:
            raise ValueError(f"a word has no spaces and at least one character, got {word!r}")
        if not ways or any(
            not isinstance(way, str) or not way or way != " ".join(way.split()) for way in ways
        ):
            raise ValueError(
                f"pronunciations are phones parted by single spaces, got {list(ways)} for {word!r}"
            )


def _check_counts(counts: Mapping[str, int], pairs: Pairs, words: Collection[str]) -> None:
    if not counts:
        raise ValueError("there is at least one word of the training texts")
    every = [*counts.items(), *(item for after in pairs.values() for item in after.items())]
    for word, count in every:
        if type(count) is not int or count < 1 or (word and word not in words):
            raise ValueError(f"a word of the training texts without a count or pronunciation: {word!r}")
