"""Right words by their alignment with the reference."""

import pytest

from asr.confidence.labels import right_words
from asr.scoring import count_errors


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b c", "a b c", [1, 1, 1]),
        ("a b c", "a x c", [1, 0, 1]),
        ("a b c", "a c", [1, 1]),
        ("a c", "a b c", [1, 0, 1]),
        ("", "a b", [0, 0]),
        ("a b", "", []),
        ("a  b", " a b ", [1, 1]),
    ],
)
def test_by_hand(reference: str, hypothesis: str, expected: list[int]) -> None:
    right = right_words(reference, hypothesis)
    assert right.tolist() == list(map(bool, expected))
    if reference:
        assert int(right.sum()) == count_errors(reference, hypothesis).hits
