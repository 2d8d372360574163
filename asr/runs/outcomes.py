"""What became of each utterance, and of all together, as the record keeps it."""

import hashlib
import json
from collections.abc import Sequence

from asr.evaluation.hypotheses import Hypothesis, score_hypotheses
from asr.runs.record import Outcome, Result
from asr.scoring import Unit, count_character_errors, count_errors


def result_of(hypotheses: Sequence[Hypothesis], bootstrap: int, unit: Unit = "word") -> Result:
    """Their score, as the record keeps it; `bootstrap` is the number of samples for its interval."""
    return Result.model_validate_json(json.dumps(score_hypotheses(hypotheses, bootstrap, unit).to_json()))


def outcomes_of(hypotheses: Sequence[Hypothesis], unit: Unit = "word") -> dict[str, Outcome]:
    """By id, in the order of the ids."""
    return {item.id: _outcome(item, unit) for item in sorted(hypotheses, key=lambda item: item.id)}


def _outcome(item: Hypothesis, unit: Unit) -> Outcome:
    words = count_errors(item.reference, item.hypothesis, unit)
    return Outcome(
        speaker=item.speaker,
        words=words.reference_length,
        errors=words.errors,
        characters=count_character_errors(item.reference, item.hypothesis).errors,
        hypothesis=text_digest(item.hypothesis),
    )


def text_digest(text: str) -> str:
    """First 16 hex digits of the SHA-256 of a text: tells whether two are the same, and keeps it unsaid."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
