"""Reference and hypothesis side by side, and what was confused with what."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from asr.scoring import Unit, in_units

Kind = Literal["hit", "substituted", "deleted", "inserted"]
_KINDS: dict[str, Kind] = {
    "equal": "hit",
    "substitute": "substituted",
    "delete": "deleted",
    "insert": "inserted",
}


@dataclass(frozen=True)
class Step:
    """One word or character of either text, or one of both."""

    kind: Kind
    reference: str  # "" of one that was inserted
    hypothesis: str  # "" of one that was deleted


def align_words(pairs: Sequence[tuple[str, str]], unit: Unit = "word") -> list[list[Step]]:
    """Of each (reference, hypothesis), in units; the alignment that the error counts of a record come from."""
    return _align([(in_units(a, unit).split(), in_units(b, unit).split()) for a, b in pairs])


def align_characters(pairs: Sequence[tuple[str, str]]) -> list[list[Step]]:
    """Likewise in characters, where a space between words is one."""
    return _align([(list(" ".join(a.split())), list(" ".join(b.split()))) for a, b in pairs])


def _align(pairs: Sequence[tuple[list[str], list[str]]]) -> list[list[Step]]:
    import jiwer

    if not pairs:
        return []
    # Numbers stand for the units, so that none of them (a space, say) means anything to the aligner.
    numbers = {
        unit: f"{number}" for number, unit in enumerate(dict.fromkeys(u for a, b in pairs for u in (*a, *b)))
    }
    split = jiwer.ReduceToListOfListOfWords()
    texts = [[" ".join(numbers[unit] for unit in pair[side]) for pair in pairs] for side in (0, 1)]
    found = jiwer.process_words(texts[0], texts[1], split, split)
    return [
        [step for chunk in chunks for step in _steps(chunk, *pair)]
        for chunks, pair in zip(found.alignments, pairs, strict=True)
    ]


def _steps(chunk: object, reference: Sequence[str], hypothesis: Sequence[str]) -> Iterable[Step]:
    kind = _KINDS[getattr(chunk, "type")]  # noqa: B009  # jiwer has no types
    ours = reference[getattr(chunk, "ref_start_idx") : getattr(chunk, "ref_end_idx")]  # noqa: B009
    theirs = hypothesis[getattr(chunk, "hyp_start_idx") : getattr(chunk, "hyp_end_idx")]  # noqa: B009
    for place in range(max(len(ours), len(theirs))):
        yield Step(kind, "".join(ours[place : place + 1]), "".join(theirs[place : place + 1]))


def confusions(aligned: Iterable[Sequence[Step]]) -> Counter[tuple[str, str]]:
    """How often a unit of a reference was heard as another; "" on either side: inserted, or deleted."""
    return Counter(
        (step.reference, step.hypothesis) for steps in aligned for step in steps if step.kind != "hit"
    )
