"""Where a long utterance is cut: paths written by hand, `-` is blank and ` ` parts words."""

import hearing
import numpy as np
import pytest

from asr.transcribe.live.place import place_to_cut

STARTS = frozenset(hearing.TOKENIZER.encode(" "))


def log_probs(path: str) -> np.ndarray:
    found = np.full((len(path), 1 + len(hearing.LETTERS)), -9.0, np.float32)
    found[
        np.arange(len(path)), [0 if token == "-" else 1 + hearing.LETTERS.index(token) for token in path]
    ] = 0.0
    return found


@pytest.mark.parametrize(
    ("path", "expected", "why"),
    [
        ("ab--c---- d-a b--c", 7, "the middle of the blanks before the separator, though others are nearer"),
        ("ab----c--- d-a b-c", 8, "those within a word do not count"),
        ("abcdabcd abcdabcdabc", 8, "no blank: where the separator begins"),
        ("ab abcdabcdabcdabcda", 2, "sooner than is best, rather than within a word"),
        ("abcdabc--dabcdabcdab", 8, "within a word where nothing is heard"),
        ("abcdabcdddddddddddab", 7, "between two tokens"),
        ("aaaaaaaaaaaaaaaaaaaa", 15, "nothing to go by: as late as may be"),
        ("abc------------ abcd", 10, "not later than may be, where the blanks are surely a pause"),
    ],
)
def test_place(path: str, expected: int, why: str) -> None:
    assert place_to_cut(log_probs(path), STARTS, (5, 2), 15, surely=8) == expected, why


def test_no_token_is_on_both_sides() -> None:
    """Random paths of runs: what is heard of both parts is what is heard of the whole."""
    generator = np.random.default_rng(1)
    for _ in range(300):
        runs = [(generator.choice(list("-abcd ")), int(generator.integers(1, 4))) for _ in range(12)]
        path = "".join(letter * count for letter, count in runs)
        probs = log_probs(path)
        place = place_to_cut(probs, STARTS, (len(path) // 2, 3), len(path) - 2, surely=8)
        parts = hearing.heard(probs[:place]) + hearing.heard(probs[place:])
        assert parts == hearing.heard(probs), (path, place)
