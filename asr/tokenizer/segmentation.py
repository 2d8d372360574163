"""Phones to words: the sequence of words whose pronunciations take the fewest edits to become the phones heard.

An edit is a phone (or boundary) substituted, left out or put in (Levenshtein 1966); one that leaves out a boundary or
puts it in counts a little less. Tokens that would take as many edits to be a word are no word. Of sequences with
equally few edits the one is taken whose words are most frequent in the training texts: the greatest product of relative
frequencies, as of a unigram model. Which of several words that sound the same it was, the words beside it decide
(asr.tokenizer.homophones), then its frequency, then the alphabet.

All words are searched at once, in a trie of their pronunciations, phone by phone: the one-pass dynamic programming of
Ney, "The use of a one-stage dynamic programming algorithm for connected word recognition" (1984), with edits for
distances. The numbers are whole, so nothing depends on the machine.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.tokenizer.homophones import Beside

Integers = npt.NDArray[np.int64]

EDIT = 1_000_000  # an edit, where a frequency of 1 / e is 1000: frequencies decide between equals only
PLACES = 22  # bits of a place in the tokens; what is left of 63 takes 4 million edits
FAR = np.int64(1) << 62  # more than any score
ONE = np.int64(EDIT) << PLACES
BOUNDARY = np.int64(EDIT - EDIT // 20) << PLACES  # of equally many edits, those of boundaries are taken
DROPPED = -1  # instead of a word: the token belongs to none


@dataclass(frozen=True)
class Segment:
    """A word and its tokens."""

    word: str
    first: int  # its tokens are tokens[first:last]; boundaries around them are not among them
    last: int


def ranked(
    spelled: Iterable[tuple[str, Sequence[int]]], counts: Mapping[str, int]
) -> list[tuple[int, str, tuple[int, ...]]]:
    """(cost, word, its tokens) in the order in which equals are preferred; a word that is 1 / e of all costs 1000.

    Args:
        spelled: words and their tokens; a word may have several.
        counts: how often each word stands in the training texts.
    """
    total = sum(counts.values())
    return sorted(
        {(round(-1000 * math.log(counts[word] / total)), word, tuple(tokens)) for word, tokens in spelled}
    )


class Segmenter:
    """Finds words in tokens. Made ready once."""

    def __init__(
        self,
        spelled: Sequence[tuple[str, Sequence[int]]],
        counts: Mapping[str, int],
        beside: Beside,
        boundary: int | None,
    ) -> None:
        """
        Args:
            spelled: words and their tokens, at least one; a word may have several.
            counts: how often each word stands in the training texts.
            beside: chooses among words that sound the same.
            boundary: the token between words; None where there is none.
        """
        order = ranked(spelled, counts)
        self._boundary = boundary
        self._words = [word for _, word, _ in order]
        closing = () if boundary is None else (boundary,)
        self._exact: dict[tuple[int, ...], list[int]] = {}  # of one word: those that are spelled so, in order
        for number, (_, _, tokens) in enumerate(order):
            self._exact.setdefault(tokens, []).append(number)
        self._alike = [self._exact[tokens] for _, _, tokens in order]
        self._beside = beside
        self._rare = np.array([cost for cost, _, _ in order], dtype=np.int64) << PLACES
        self._grow([(*tokens, *closing) for _, _, tokens in order])

    def __call__(self, tokens: Sequence[int]) -> tuple[Segment, ...]:
        """The words of tokens without blanks, in order."""
        boundary = self._boundary
        kept = [
            place
            for place, token in enumerate(tokens)
            if token != boundary or (place and tokens[place - 1] != boundary)
        ]
        while kept and tokens[kept[-1]] == boundary:
            kept.pop()
        if kept and tokens[kept[0]] == boundary:
            kept.pop(0)
        if not kept:
            return ()
        heard = [tokens[place] for place in kept]
        found = self._exactly(heard) or self._nearest(heard)
        words = self._beside.choose([[self._words[n] for n in self._alike[number]] for number, _, _ in found])
        places = [self._places(tokens, kept[first:last]) for _, first, last in found]
        return tuple(Segment(word, *place) for word, place in zip(words, places, strict=True))

    def _exactly(self, heard: Sequence[int]) -> list[tuple[int, int, int]]:
        """Where every word between boundaries is one of ours: nothing can have fewer edits. Else nothing."""
        if self._boundary is None:
            return []
        found, first = [], 0
        for last, token in enumerate([*heard, self._boundary]):
            if token == self._boundary:
                numbers = self._exact.get(tuple(heard[first:last]))
                if numbers is None:
                    return []
                found.append((numbers[0], first, last))
                first = last + 1
        return found

    def _nearest(self, heard: Sequence[int]) -> list[tuple[int, int, int]]:
        """(word, first, last) of the fewest edits.

        A score is the cost, and below it the place at which the word under way began; so one comparison decides both,
        and of equally good words the longer one wins.
        """
        closing = [] if self._boundary is None else [self._boundary]
        heard = [*heard, *closing]
        ends = np.zeros(len(heard) + 1, dtype=np.int64)  # cost of the best words up to each place
        words = np.full(len(heard) + 1, DROPPED)
        starts = np.zeros(len(heard) + 1, dtype=np.int64)
        column = self._depths.copy()  # of each node, at the place reached
        for place, token in enumerate(heard, 1):
            edit = BOUNDARY if token == self._boundary else ONE
            column = self._after(column, token, edit)
            candidates = column[self._final] + self._rare
            best = int(candidates.argmin())
            cost, dropped = int(candidates[best]) >> PLACES, int(ends[place - 1]) + int(edit >> PLACES)
            if cost < dropped:
                words[place], starts[place] = best, int(candidates[best]) & ((1 << PLACES) - 1)
            ends[place] = min(cost, dropped)
            column[0] = (int(ends[place]) << PLACES) | place
            # The first phones of the next word may be left out.
            np.minimum(column, column[0] + self._depths, out=column)
        return _traced(words, starts)

    def _after(self, before: Integers, token: int, edit: np.int64) -> Integers:
        """The scores of all nodes one token later, which may be one put in by an edit; none at the root."""
        column: Integers = before[self._parents] + np.where(self._tokens == token, 0, ONE)
        np.minimum(column, before + edit, out=column)
        column[0] = FAR
        for above, cost in self._above:  # tokens of the word that were not heard
            np.minimum(column, column[above] + cost, out=column)
        return column

    def _grow(self, spellings: Sequence[tuple[int, ...]]) -> None:
        """The trie as arrays: node 0 is the root, and its own parent."""
        children: dict[tuple[int, int], int] = {}
        parents, tokens, depths, final = [0], [0], [0], []
        for spelling in spellings:
            node = 0
            for token in spelling:
                if (node, token) not in children:
                    children[node, token] = len(parents)
                    parents.append(node)
                    tokens.append(token)
                    depths.append(depths[node] + int(BOUNDARY if token == self._boundary else ONE))
                node = children[node, token]
            final.append(node)
        self._parents, self._tokens = np.array(parents), np.array(tokens)
        self._depths = np.array(depths, dtype=np.int64)  # cost of leaving out all tokens up to each node
        self._final = np.array(final)
        # Ancestors 1, 2, 4, ... above: by these steps every number of phones that were left out is reached.
        self._above: list[tuple[npt.NDArray[np.intp], Integers]] = []
        above = self._parents
        while above.any():
            self._above.append((above, self._depths - self._depths[above]))
            above = above[above]

    def _places(self, tokens: Sequence[int], among: Sequence[int]) -> tuple[int, int]:
        """The first place of a word and the one after its last, without boundaries around it."""
        own = [place for place in among if tokens[place] != self._boundary]
        return (own[0], own[-1] + 1) if own else (among[0], among[0])


def _traced(words: Integers, starts: Integers) -> list[tuple[int, int, int]]:
    found, place = [], len(words) - 1
    while place:
        if words[place] == DROPPED:
            place -= 1
        else:
            found.append((int(words[place]), int(starts[place]), place))
            place = int(starts[place])
    return found[::-1]
