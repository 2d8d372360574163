"""Tokens to words: which tokens, and so which frames, each word of a text has."""

from collections.abc import Sequence
from dataclasses import dataclass

from asr.decoding.alignment import Span
from asr.decoding.lexicon import Lexicon
from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.tokenizer import PhoneTokenizer, Tokenizer


@dataclass(frozen=True)
class WordSpan:
    """A word, its tokens and their frames on the path of an alignment."""

    word: str
    first: int  # its tokens are tokens[first:last], separators not among them
    last: int
    start: int  # its first frame
    end: int  # the frame after its last


def word_spans(
    spans: Sequence[Span],
    vocabulary: Vocabulary,
    words: Sequence[str] | None = None,
    lexicon: Lexicon | None = None,
) -> list[WordSpan]:
    """The words that aligned tokens make, in order.

    Args:
        spans: of each token, as `asr.decoding.alignment.align` gives them.
        vocabulary: what the tokens stand for, and so where words begin.
        words: of the hypothesis, where they are known (they may be written otherwise than the tokens: a lexicon's).
        lexicon: of phones, which do not tell where a word begins: then `words` are needed, and how they are spelled.

    Raises:
        ValueError: the words are not as many as the tokens make, or the lexicon does not spell them so.
    """
    groups = _spelled(spans, words, lexicon) if not vocabulary.word_starts else _written(spans, vocabulary)
    if words is not None and len(words) != len(groups):
        raise ValueError(f"{len(groups)} words in the tokens, but {len(words)} are given: {list(words)}")
    found = []
    for number, (first, last) in enumerate(groups):
        word = vocabulary.text([span.token for span in spans[first:last]]) if words is None else words[number]
        found.append(WordSpan(word, first, last, spans[first].start, spans[last - 1].end))
    return found


def _written(spans: Sequence[Span], vocabulary: Vocabulary) -> list[tuple[int, int]]:
    """First token and token after the last of each word, where tokens tell. Tokens without text make no word alone."""
    groups: list[tuple[int, int]] = []
    first: int | None = None
    for number, span in enumerate(spans):
        if span.token not in vocabulary.word_starts:
            first = number if first is None else first
            continue
        if first is not None:
            groups.append((first, number))
        first = None if span.token == vocabulary.separator else number
    if first is not None:
        groups.append((first, len(spans)))
    return [
        (first, last) for first, last in groups if vocabulary.text([span.token for span in spans[first:last]])
    ]


def _spelled(
    spans: Sequence[Span], words: Sequence[str] | None, lexicon: Lexicon | None
) -> list[tuple[int, int]]:
    """Likewise by the spellings of the words: the longest first where a word has several that fit."""
    if words is None or lexicon is None:
        raise ValueError("these tokens do not tell where words begin: words and a lexicon are needed")
    tokens = tuple(span.token for span in spans)
    spellings: dict[str, list[tuple[int, ...]]] = {}
    for word, spelling in lexicon.spellings:
        spellings.setdefault(word, []).append(spelling)
    ways: list[dict[int, int]] = [{0: 0}]  # after so many words: tokens used, and those used before the word
    for word in words:
        step: dict[int, int] = {}
        for begin in sorted(ways[-1]):
            for spelling in spellings.get(word, ()):
                if tokens[begin : begin + len(spelling)] == spelling:
                    step.setdefault(begin + len(spelling), begin)
        ways.append(step)
    if len(tokens) not in ways[-1]:
        raise ValueError(f"the lexicon does not spell {list(words)} with the tokens {list(tokens)}")
    groups, end = [], len(tokens)
    for step in reversed(ways[1:]):
        groups.append((step[end], end))
        end = step[end]
    return groups[::-1]


def read_words(
    tokenizer: Tokenizer, spans: Sequence[Span], words: Sequence[str], lexicon: Lexicon | None = None
) -> list[WordSpan]:
    """The words of a reading, whatever its tokens are.

    Args:
        spans: of each token of the reading.
        words: of the reading.
        lexicon: that allowed these words, if a search had one.

    Raises:
        ValueError: the tokens are not those of the words.
    """
    if isinstance(tokenizer, PhoneTokenizer) and lexicon is None:
        segments = tokenizer.segment([span.token for span in spans])
        return [
            WordSpan(one.word, one.first, one.last, spans[one.first].start, spans[one.last - 1].end)
            for one in segments
        ]
    return word_spans(spans, vocabulary_of(tokenizer), words, lexicon)


def known_words(tokenizer: Tokenizer, spans: Sequence[Span], text: str) -> list[WordSpan]:
    """The words of a text whose tokens, `tokenizer.encode(text)`, are aligned. Of phones it is the lexicon of the
    tokenizer that tells words apart."""
    words = text.split()
    lexicon = None
    if isinstance(tokenizer, PhoneTokenizer) and not tokenizer.boundaries:
        lexicon = Lexicon((word, spelling) for word in words for spelling in tokenizer.spellings(word))
    return word_spans(spans, vocabulary_of(tokenizer), words, lexicon)
