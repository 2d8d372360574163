"""What became of each utterance: counts that add up to the result, and no text."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.evaluation.hypotheses import Hypothesis, score_hypotheses
from asr.runs.outcomes import outcomes_of, text_digest
from asr.runs.record import Outcome

words = st.lists(st.sampled_from(["YES", "NO", "GO", "ONE", "É"]), max_size=5).map(" ".join)


def hypothesis(name: str, reference: str, heard: str, speaker: str = "anna") -> Hypothesis:
    return Hypothesis(id=name, speaker=speaker, reference=reference, hypothesis=heard)


def test_by_hand() -> None:
    """YES -> YET is a word and a character; GO is missing, with its space: a word and three characters."""
    found = outcomes_of(
        [
            hypothesis("b", "YES NO GO", "YET NO", "bert"),
            hypothesis("a", "ONE", "ONE"),
            hypothesis("c", "NO", "", ""),
        ]
    )
    assert list(found) == ["a", "b", "c"]  # in the order of ids
    assert found["a"] == Outcome(
        speaker="anna", words=1, errors=0, characters=0, hypothesis=text_digest("ONE")
    )
    assert found["b"] == Outcome(
        speaker="bert", words=3, errors=2, characters=4, hypothesis=text_digest("YET NO")
    )
    assert found["c"] == Outcome(speaker="", words=1, errors=1, characters=2, hypothesis=text_digest(""))


def test_text_is_known_by_its_digest_alone() -> None:
    assert text_digest("YES NO") == hashlib.sha256(b"YES NO").hexdigest()[:16]
    # printf '' | sha256sum
    assert text_digest("") == "e3b0c44298fc1c14"
    assert len({text_digest(text) for text in ("", "É", "E", "É ", "é")}) == 5
    found = outcomes_of([hypothesis("a", "SECRET PLAN", "SECRET PLANE")])
    assert "SECRET" not in json.dumps({name: outcome.model_dump() for name, outcome in found.items()})


def test_more_errors_than_words() -> None:
    found = outcomes_of([hypothesis("a", "NO", "NO NO NO"), hypothesis("b", "", "YES")])
    assert (found["a"].words, found["a"].errors) == (1, 2)
    assert (found["b"].words, found["b"].errors, found["b"].characters) == (0, 1, 3)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=8))
def test_they_add_up_to_the_score(pairs: list[tuple[str, str]]) -> None:
    items = [hypothesis(f"u{number}", *pair) for number, pair in enumerate(pairs)]
    found = outcomes_of(items)
    assert outcomes_of(list(reversed(items))) == found
    assert list(found) == sorted(found)
    if not any(reference for reference, _ in pairs):
        with pytest.raises(ValueError, match="nothing to score"):
            score_hypotheses(items, 10)
        return
    score = score_hypotheses(items, 10)
    assert sum(outcome.words for outcome in found.values()) == score.words.reference_length
    assert sum(outcome.errors for outcome in found.values()) == score.words.errors
    assert sum(outcome.characters for outcome in found.values()) == score.characters.errors
    assert sum(outcome.errors > 0 for outcome in found.values()) == score.wrong_sentences
