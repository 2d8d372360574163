"""Which differences are real, and what ranks they make.

Each pair of systems on a corpus is tested on the same utterances (`asr.evaluation.significance.matched_pairs`). All
pairs of a benchmark are one family: Holm's correction bounds the chance that any two equal systems are told apart, in
any of its tables, by alpha.

The rank of a system on a corpus is one more than the number of systems that are better beyond that doubt. So systems
that cannot be told apart from the best share rank 1. "Cannot be told apart" is not passed on: a may be level with b
and b with c while a is better than c. Letters say all of it: two systems share a letter exactly if they cannot be told
apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from asr.evaluation.significance import Paired, PairedTest, Scored, matched_pairs

Outcomes = Mapping[str, Scored]  # by utterance


@dataclass(frozen=True)
class Pair:
    """Two systems on one corpus."""

    corpus: str
    first: str
    second: str
    test: PairedTest  # second minus first
    p_holm: float  # corrected for all pairs of the benchmark
    different: bool  # p_holm is alpha at the most

    @property
    def better(self) -> str:
        """Name of the better one; "" where they cannot be told apart."""
        if not self.different:
            return ""
        return self.first if self.test.difference > 0 else self.second


def compare_pairs(corpora: Mapping[str, Mapping[str, Outcomes]], alpha: float) -> list[Pair]:
    """Every pair of systems on every corpus.

    Args:
        corpora: by corpus, by system in the order of the table.
        alpha: chance of any false difference among all of them.

    Raises:
        ValueError: two results are not of the same utterances, or there are fewer than two.
    """
    tested = [
        (corpus, first, second, matched_pairs(Paired.of(systems[first], systems[second])))
        for corpus, systems in corpora.items()
        for first, second in combinations(systems, 2)
    ]
    corrected = holm([test.p for *_, test in tested])
    return [
        Pair(corpus, first, second, test, p, p <= alpha)
        for (corpus, first, second, test), p in zip(tested, corrected, strict=True)
    ]


def holm(probabilities: Sequence[float]) -> list[float]:
    """Adjusted p-values of Holm (1979), in the order given: whoever compares them with alpha is wrong about any true
    null hypothesis with a chance of alpha at the most, however the tests depend on each other.

    The k-th smallest of m is multiplied by m - k + 1, is never below the one before, and 1 at the most.
    """
    count = len(probabilities)
    found = [0.0] * count
    highest = 0.0
    for place, each in enumerate(sorted(range(count), key=lambda each: probabilities[each])):
        highest = max(highest, min(1.0, probabilities[each] * (count - place)))
        found[each] = highest
    return found


def ranks(systems: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """One plus the number of systems that are better; `pairs` are those of one corpus."""
    worse = [pair.first if pair.better == pair.second else pair.second for pair in pairs if pair.different]
    return {system: 1 + worse.count(system) for system in systems}


def letters(systems: Sequence[str], pairs: Sequence[Pair]) -> dict[str, str]:
    """Two systems share a letter exactly if they cannot be told apart; `systems` from the best, which has an a.

    The letters stand for the largest groups within which nobody can be told from anybody (maximal cliques), in the
    order of their best members. Beyond 26, letters are followed by a number.
    """
    apart = {frozenset((pair.first, pair.second)) for pair in pairs if pair.different}
    place = {system: number for number, system in enumerate(systems)}
    level = {
        one: {two for two in systems if two != one and frozenset((one, two)) not in apart} for one in systems
    }
    groups = sorted(sorted(place[each] for each in group) for group in _cliques(set(systems), level))
    named: dict[str, list[str]] = {system: [] for system in systems}
    for number, group in enumerate(groups):
        name = chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "")
        for each in group:
            named[systems[each]].append(name)
    return {system: "".join(found) for system, found in named.items()}


def _cliques(systems: set[str], level: Mapping[str, set[str]]) -> list[set[str]]:
    """Maximal ones (Bron and Kerbosch, 1973, with a pivot)."""
    found: list[set[str]] = []

    def grow(clique: set[str], open_: set[str], closed: set[str]) -> None:
        if not open_ and not closed:
            found.append(clique)
            return
        pivot = max(sorted(open_ | closed), key=lambda each: len(level[each] & open_))
        for each in sorted(open_ - level[pivot]):
            grow(clique | {each}, open_ & level[each], closed & level[each])
            open_ = open_ - {each}
            closed = closed | {each}

    grow(set(), systems, set())
    return found
