"""Every hypothesis beside its reference, with its errors: the file that a word error rate comes from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from asr.files import write_text
from asr.manifest import Utterance
from asr.scoring import Score, Unit, count_errors, score
from asr.text import normalise


@dataclass(frozen=True)
class Hypothesis:
    """What was said and what was heard, both normalised."""

    id: str
    speaker: str
    reference: str
    hypothesis: str


def beside_references(
    utterances: Sequence[Utterance], texts: Sequence[str], version: str
) -> list[Hypothesis]:
    """Puts what was heard beside what was said; `version` is that of the text normaliser."""
    return [
        Hypothesis(u.id, u.speaker, normalise(u.text, version), text)
        for u, text in zip(utterances, texts, strict=True)
    ]


def write_hypotheses(path: Path, hypotheses: Sequence[Hypothesis], unit: Unit = "word") -> None:
    """JSON Lines, in the order of the ids, with the errors of each in units."""
    lines = []
    for item in sorted(hypotheses, key=lambda item: item.id):
        errors = asdict(count_errors(item.reference, item.hypothesis, unit))
        lines.append(json.dumps({**asdict(item), "errors": errors}, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))


def score_hypotheses(hypotheses: Sequence[Hypothesis], bootstrap: int, unit: Unit = "word") -> Score:
    """In the order of the ids, so that the bootstrap draws the same whatever the order of decoding."""
    ordered = sorted(hypotheses, key=lambda item: item.id)
    return score([(item.reference, item.hypothesis) for item in ordered], bootstrap=bootstrap, unit=unit)
