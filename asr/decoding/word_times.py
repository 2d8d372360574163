"""Tokens to words: which tokens, and so which frames, each word of a text has."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy.typing as npt

from asr.decoding.alignment import Span, align, greedy_spans
from asr.decoding.hypothesis import SearchResult
from asr.decoding.lexicon import Lexicon
from asr.decoding.reader import GREEDY
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
        vocabulary: what the tokens stand for, and so where words begin. Written without any space, all is one word.
        words: of the hypothesis, where they are known (they may be written otherwise than the tokens: a lexicon's).
        lexicon: of phones, or whatever does not tell where a word begins: then it spells the `words`, which are needed.

    Raises:
        ValueError: the words are not as many as the tokens make, or the lexicon does not spell them so.
    """
    told = bool(vocabulary.word_starts) or (lexicon is None and vocabulary.writes_words)
    groups = _written(spans, vocabulary) if told else _spelled(spans, words, lexicon)
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
    ways: list[dict[int, int]] = [{0: 0}]  # after so many words: tokens used, and those used before the word
    for word in words:
        spellings = _spellings(lexicon, word)
        step: dict[int, int] = {}
        for begin in sorted(ways[-1]):
            for spelling in spellings:
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


def _spellings(lexicon: Lexicon, word: str) -> list[tuple[int, ...]]:
    """Of one word, without a look at all the others: they are sorted by word."""
    every, key = lexicon.spellings, itemgetter(0)
    first = bisect_left(every, word, key=key)
    last = bisect_right(every, word, first, key=key)
    return [spelling for _, spelling in every[first:last]]


def heard_words(
    tokenizer: Tokenizer, log_probs: npt.ArrayLike, result: SearchResult, lexicon: Lexicon | None = None
) -> list[WordSpan]:
    """The words of the best reading and their frames; none where there is none.

    Of a greedy reading they are those of the path that was read, which no last bit of a log-prob moves, as it could
    where an alignment leaves out separators that are no part of the reading.

    Args:
        log_probs: (frames, tokens) natural logarithms, as the model gives them.
        lexicon: that allowed these words, if a search had one.

    Raises:
        AlignmentError: there is no alignment of a probability above 0.
        ValueError: the reading is not of these log-probs.
    """
    best = result.best
    if best is None or not best.tokens:
        return []
    if result.engine == GREEDY:
        begins = frozenset(best.frames)
        spans = [span for span in greedy_spans(log_probs) if span.start in begins]
    else:
        spans = align(log_probs, best.tokens)
    return read_words(tokenizer, spans, best.words or best.text.split(), lexicon)


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
