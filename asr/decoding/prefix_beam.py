"""Our own prefix beam search: plain, exact where the beam is wide enough, and with nothing but numpy.

For each prefix of tokens it adds up the alignments that end in a blank and those that end in the prefix's last token
(Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs";
the two sums are Graves' forward variables). A separator after a separator, at the start or at the end belongs to the
same reading, so these alignments are added as well.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from asr.decoding.emissions import Matrix, considered
from asr.decoding.fusion import Fusion
from asr.decoding.hypothesis import TIE, Hypothesis, ranked, ranks
from asr.decoding.look_ahead import NEVER, LookAhead
from asr.decoding.prefixes import INSIDE, Prefix, Prefixes
from asr.decoding.readings import readings
from asr.tokenizer import BLANK

Vector = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]
Cube = npt.NDArray[np.float64]


def prefix_beam(matrix: Matrix, fusion: Fusion, look_ahead: LookAhead) -> tuple[Hypothesis, ...]:
    """The best readings of (frames, tokens) checked log-probs, ranked, without their frames.

    Each step takes all prefixes of the beam at once. No sum depends on the order of its terms, and equal scores are
    ordered by tokens, so the result is a function of the matrix alone.
    """
    met = Prefixes(fusion)
    front = Front([met.start], met, fusion, look_ahead)
    blank, token = np.zeros(1), np.full(1, NEVER)  # before the first frame every alignment is empty
    for frame in considered(matrix, fusion.settings):
        front, blank, token = front.after(frame, blank, token)
        if not front.prefixes:
            return ()  # nothing that is allowed has a probability above 0
    found = readings(zip(front.prefixes, np.logaddexp(blank, token).tolist(), strict=True), fusion)
    return ranked(found, fusion.settings.n_best)


@dataclass(frozen=True)
class Arrivals:
    """What the N prefixes of a beam become with one more of K tokens."""

    tokens: Numbers  # (K,) that the frame considers
    acoustic: Vector  # (N, K) log-prob of the alignments that arrive
    score: Cube  # (N, ways, K) what they are ranked by; -inf where impossible, or a prefix of the beam


class Front:
    """The prefixes of the beam, and all of them that does not change from frame to frame. N of them."""

    def __init__(self, prefixes: list[Prefix], met: Prefixes, fusion: Fusion, look_ahead: LookAhead) -> None:
        self.prefixes = prefixes
        self._met = met
        self._fusion = fusion
        self._look_ahead = look_ahead
        separator = fusion.separator
        self._last = np.array([prefix.token for prefix in prefixes], dtype=np.intp)
        if separator is None:
            self._between, self._again = np.zeros(len(prefixes), dtype=bool), self._last
        else:
            self._between = np.array([not prefix.unfinished for prefix in prefixes], dtype=bool)
            self._again = np.where(self._between, separator, self._last)
        self._worth = np.array([fusion.weighed(prefix.language) + prefix.bonus for prefix in prefixes])
        self._hope = self._worth + np.array([look_ahead.hope(prefix) for prefix in prefixes])

    def after(self, frame: Vector, blank: Vector, token: Vector) -> "tuple[Front, Vector, Vector]":
        """One frame later.

        Args:
            frame: (tokens,) log-probs, -inf for what is not considered.
            blank: (N,) log-probs of the alignments of each prefix that end in a blank.
            token: (N,) of those that end in its last token.
        """
        total = np.logaddexp(blank, token)
        stay_token = np.where(self._between, total, token) + frame[self._again]
        stay_blank = total + frame[BLANK]
        arrivals = self._arrivals(frame, blank, total)
        if arrivals.tokens.size:
            stay_token = self._join(stay_token, arrivals)
            if self._fusion.over_tokens is not None:
                self._ask(arrivals, np.logaddexp(stay_blank, stay_token) + self._hope)
        return self._pruned(stay_blank, stay_token, arrivals)

    def _arrivals(self, frame: Vector, blank: Vector, total: Vector) -> Arrivals:
        tokens = 1 + np.flatnonzero(frame[1:] > NEVER)
        if not tokens.size:
            return Arrivals(tokens, np.empty((len(total), 0)), np.empty((len(total), 1, 0)))
        acoustic = np.where(self._last[:, None] == tokens, blank[:, None], total[:, None]) + frame[tokens]
        return Arrivals(tokens, acoustic, acoustic[:, None, :] + self._worths(tokens))

    def _worths(self, tokens: Numbers) -> Cube:
        """(N, ways, K) what a prefix is worth with one of K tokens, sound aside; -inf where that cannot be."""
        fresh = self._look_ahead.fresh[tokens]
        worth: Cube = (self._rows[:, tokens] + self._worth[:, None])[:, None, :]
        if (fresh > NEVER).any():
            ended = (self._worth[:, None] + self._ends)[:, :, None] + fresh
            worth = np.concatenate([worth, ended], axis=1)
        return worth + self._fusion.settings.token_score

    def _join(self, token: Vector, arrivals: Arrivals) -> Vector:
        """Adds to prefixes what comes from their parents in the beam, which is no arrival then."""
        column = np.full(self._rows.shape[1], -1)
        column[arrivals.tokens] = np.arange(len(arrivals.tokens))
        children, parents, ways = self._families
        columns = column[self._last[children]]
        there = columns >= 0
        children, parents, ways, columns = children[there], parents[there], ways[there], columns[there]
        token[children] = np.logaddexp(token[children], arrivals.acoustic[parents, columns])
        arrivals.score[parents, ways, columns] = NEVER
        return token

    def _ask(self, arrivals: Arrivals, staying: Vector) -> None:
        """Adds a token model's log-probs, asking it only where one of at most 0 leaves a chance."""
        fusion, settings = self._fusion, self._fusion.settings
        floor = staying.max() - settings.beam_threshold
        if len(staying) >= settings.beam:
            floor = max(floor, np.partition(staying, -settings.beam)[-settings.beam])
        chance = (arrivals.score > NEVER) & (arrivals.score >= floor - TIE)
        arrivals.score[~chance] = NEVER
        for n, column in np.argwhere(chance.any(axis=1)).tolist():
            answer = self.prefixes[n].token_score(fusion, int(arrivals.tokens[column]))
            arrivals.score[n, :, column] += fusion.weighed(answer)

    def _pruned(self, blank: Vector, token: Vector, arrivals: Arrivals) -> "tuple[Front, Vector, Vector]":
        """The best of those that stay and those that arrive."""
        count, shape = len(self.prefixes), arrivals.score.shape
        staying = np.logaddexp(blank, token) + self._hope
        kept = self._best(ranks(np.concatenate([staying, arrivals.score.ravel()])), arrivals)
        stay, places = kept[kept < count], kept[kept >= count] - count
        if len(stay) == len(kept) == count:
            return self, blank, token
        prefixes = [self.prefixes[n] for n in stay]
        rows, ways, columns = np.unravel_index(places, shape) if len(places) else np.empty((3, 0), np.intp)
        for n, way, column in zip(rows.tolist(), ways.tolist(), columns.tolist(), strict=True):
            prefixes.append(self._met.child(self.prefixes[n], way, int(arrivals.tokens[column])))
        front = Front(prefixes, self._met, self._fusion, self._look_ahead)
        new = arrivals.acoustic[rows, columns]
        return front, np.append(blank[stay], np.full(len(new), NEVER)), np.append(token[stay], new)

    def _best(self, ranking: Vector, arrivals: Arrivals) -> Numbers:
        """Places in `ranking` of what is to be kept: in order, so those that stay come first."""
        settings = self._fusion.settings
        top = ranking.max(initial=NEVER)
        if top == NEVER:
            return np.empty(0, dtype=np.intp)
        alive = np.flatnonzero((ranking > NEVER) & (ranking >= top - settings.beam_threshold / TIE))
        if len(alive) <= settings.beam:
            return alive
        last = np.partition(ranking[alive], -settings.beam)[-settings.beam]
        above, tied = alive[ranking[alive] > last], alive[ranking[alive] == last]
        free = settings.beam - len(above)
        if free < len(tied):
            tied = np.array(sorted(tied.tolist(), key=lambda place: self._name(place, arrivals))[:free])
        return np.sort(np.concatenate([above, tied]))

    def _name(self, place: int, arrivals: Arrivals) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Tokens and words of what is at a place of the ranking: the order of equals."""
        if place < len(self.prefixes):
            prefix = self.prefixes[place]
            return prefix.tokens(), prefix.words()
        n, way, column = map(int, np.unravel_index(place - len(self.prefixes), arrivals.score.shape))
        prefix = self.prefixes[n]
        ended = () if way == INSIDE else (prefix.ends(self._fusion)[way - 1].word,)
        return (*prefix.tokens(), int(arrivals.tokens[column])), (*prefix.words(), *filter(None, ended))

    @cached_property
    def _rows(self) -> npt.NDArray[np.float64]:
        """(N, tokens)"""
        return np.array([self._look_ahead.row(prefix) for prefix in self.prefixes])

    @cached_property
    def _ends(self) -> npt.NDArray[np.float64]:
        """(N, most) what each way of ending the unfinished word adds; -inf past a prefix's own number of ways."""
        worths = [[self._fusion.worth(end) for end in prefix.ends(self._fusion)] for prefix in self.prefixes]
        table = np.full((len(worths), max(map(len, worths))), NEVER)
        for row, values in zip(table, worths, strict=True):
            row[: len(values)] = values
        return table

    @cached_property
    def _families(self) -> tuple[Numbers, Numbers, Numbers]:
        """Prefixes whose parent is in the beam as well, their parents, and the ways from those to these."""
        place = {id(prefix): n for n, prefix in enumerate(self.prefixes)}
        found = [
            (n, place[id(prefix.parent)], prefix.way)
            for n, prefix in enumerate(self.prefixes)
            if id(prefix.parent) in place
        ]
        table = np.array(found, dtype=np.intp).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2]
