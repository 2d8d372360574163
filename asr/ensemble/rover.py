"""Words of several recognisers put to the vote.

Fiscus, A post-processing system to yield reduced word error rates: Recognizer Output Voting Error Reduction (ROVER),
ASRU 1997. Transcripts are aligned one after the other into a network of slots; in each slot every member has said a
word or nothing. Then each slot is won by the word, or by the nothing, with the highest score:

    weight * share of the members that say it + (1 - weight) * mean of their confidences in it

What is ours: members are aligned in an order that follows from what they say alone (the one first that is nearest to
all others), and a word is compared with all that a slot holds, not with any one of it. So the order in which members
are named changes no slot. It decides ties, and only these: of what has the same score, the member that is named first
has its way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SUBSTITUTED, MISSING = 4, 3  # costs of an alignment, as NIST's sclite has them
DIGITS = 9  # of scores: what differs by rounding alone is a tie


class Said(NamedTuple):
    """What one member has in one slot."""

    word: str | None  # None: nothing
    confidence: float | None = None  # that the word is right, 0 to 1; None where nothing estimates it


Transcript = Sequence[Said]  # of a member, words alone
Slot = tuple[Said, ...]  # (members,)
NOTHING = Said(None)


@dataclass(frozen=True)
class Voting:
    """How slots are won.

    Raises:
        ValueError: a value outside 0 to 1.
    """

    weight: float = 1.0  # of the share of the members; what is left of 1 is that of the confidence
    null: float = 0.5  # the confidence of nothing
    unknown: float = 0.5  # the confidence of a word for which none is estimated

    def __post_init__(self) -> None:
        for name in ("weight", "null", "unknown"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} of the voting must be 0 to 1, got {getattr(self, name):g}")


def spoken(text: str) -> tuple[Said, ...]:
    """The words of a text, without confidences."""
    return tuple(Said(word) for word in text.split())


def vote(slots: Sequence[Slot], voting: Voting | None = None) -> list[Said]:
    """The words that win, each with the mean confidence of those who say it; slots that nothing wins are left out."""
    settings = voting or Voting()
    winners = (_winner(slot, settings) for slot in slots)
    return [winner for winner in winners if winner.word is not None]


def network(transcripts: Sequence[Transcript]) -> list[Slot]:
    """Slots in the order of the words; in each, every member in the order of the transcripts.

    As many transcripts with the same words and confidences, in any order, give the same slots.

    Raises:
        ValueError: no transcripts.
    """
    if not transcripts:
        raise ValueError("a network needs one transcript or more")
    order = _central_first(transcripts)
    slots: list[Slot] = [(each,) for each in transcripts[order[0]]]
    for joined, member in enumerate(order[1:], 1):
        slots = _joined(slots, transcripts[member], joined)
    places = [order.index(member) for member in range(len(order))]
    return [tuple(slot[place] for place in places) for slot in slots]


def distance(first: Transcript, second: Transcript) -> int:
    """The least cost of turning the words of one into those of the other."""
    return _costs([(each,) for each in first], second, 1)[-1][-1]


def _winner(slot: Slot, voting: Voting) -> Said:
    found: dict[str | None, list[float]] = {}  # in the order of the members: of equals the first is the best
    for said in slot:
        found.setdefault(said.word, []).append(
            voting.null if said.word is None else _or(said.confidence, voting.unknown)
        )
    means = {word: math.fsum(each) / len(each) for word, each in found.items()}
    word = max(
        found,
        key=lambda word: round(
            voting.weight * len(found[word]) / len(slot) + (1 - voting.weight) * means[word], DIGITS
        ),
    )
    known = [said.confidence for said in slot if said.word == word and said.confidence is not None]
    return Said(word, math.fsum(known) / len(known) if known else None)


def _or(confidence: float | None, unknown: float) -> float:
    return unknown if confidence is None else confidence


def _central_first(transcripts: Sequence[Transcript]) -> list[int]:
    """Members by their distance to all others; of equals by what they say, so that their order has no say."""
    count = len(transcripts)
    apart = [[0] * count for _ in range(count)]
    for one in range(count):
        for other in range(one):
            apart[one][other] = apart[other][one] = distance(transcripts[one], transcripts[other])
    words = [[(said.word or "", _or(said.confidence, -1.0)) for said in each] for each in transcripts]
    return sorted(range(count), key=lambda member: (sum(apart[member]), words[member]))


def _joined(slots: Sequence[Slot], transcript: Transcript, members: int) -> list[Slot]:
    """Slots with one member more, at the least cost; of equal ways the one that, seen from the end, puts a word into a
    slot that is there, or else nothing, before it makes a new one.

    Args:
        members: in the slots so far.
    """
    costs = _costs(slots, transcript, members)
    row, column = len(slots), len(transcript)
    found: list[Slot] = []
    while row or column:
        cost = costs[row][column]
        if (
            row
            and column
            and cost == costs[row - 1][column - 1] + _both(slots[row - 1], transcript[column - 1])
        ):
            row, column = row - 1, column - 1
            found.append((*slots[row], transcript[column]))
        elif row and cost == costs[row - 1][column] + _skipped(slots[row - 1]):
            row -= 1
            found.append((*slots[row], NOTHING))
        else:
            column -= 1
            found.append((*(NOTHING,) * members, transcript[column]))
    return found[::-1]


def _costs(slots: Sequence[Slot], transcript: Transcript, members: int) -> list[list[int]]:
    """(slots + 1, words + 1) the least cost of the first so many slots and words: a sum over the pairs of the new word,
    or the new nothing, with what each member has there."""
    rows = [[MISSING * members * column for column in range(len(transcript) + 1)]]
    for slot in slots:
        above, skipped = rows[-1], _skipped(slot)
        row = [above[0] + skipped]
        for column, said in enumerate(transcript):
            row.append(
                min(
                    above[column] + _both(slot, said),
                    above[column + 1] + skipped,
                    row[column] + MISSING * members,
                )
            )
        rows.append(row)
    return rows


def _both(slot: Slot, said: Said) -> int:
    """Cost of a word in a slot."""
    return sum(MISSING if other.word is None else SUBSTITUTED * (other.word != said.word) for other in slot)


def _skipped(slot: Slot) -> int:
    """Cost of nothing in a slot."""
    return MISSING * sum(other.word is not None for other in slot)
