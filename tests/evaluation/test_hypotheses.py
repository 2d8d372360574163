"""The file that a word error rate comes from."""

import json
import random
from pathlib import Path

from asr.evaluation.hypotheses import Hypothesis, score_hypotheses, write_hypotheses

ITEMS = [
    Hypothesis("b", "fash", "yes no go", "yes go"),
    Hypothesis("a", "mwhw", "größer", "großer"),
    Hypothesis("c", "fash", "one two", "one two three"),
    Hypothesis("d", "mwhw", "", ""),
]


def test_one_line_an_utterance_in_the_order_of_ids(tmp_path: Path) -> None:
    write_hypotheses(tmp_path / "h" / "test.jsonl", ITEMS)
    text = (tmp_path / "h" / "test.jsonl").read_text(encoding="utf-8")
    assert "größer" in text  # readable
    found = [json.loads(line) for line in text.splitlines()]
    assert [item["id"] for item in found] == ["a", "b", "c", "d"]
    assert found[1] == {
        "id": "b",
        "speaker": "fash",
        "reference": "yes no go",
        "hypothesis": "yes go",
        "errors": {"hits": 2, "substitutions": 0, "deletions": 1, "insertions": 0},
    }
    assert found[0]["errors"]["substitutions"] == 1
    assert found[2]["errors"]["insertions"] == 1


def test_order_of_decoding_does_not_change_file_or_score(tmp_path: Path) -> None:
    many = [Hypothesis(f"u{n}", "s", "a b c d", "a b c d"[: n % 8]) for n in range(60)]
    shuffled = random.Random(1).sample(many, len(many))
    write_hypotheses(tmp_path / "one", many)
    write_hypotheses(tmp_path / "two", shuffled)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert score_hypotheses(many, 500) == score_hypotheses(shuffled, 500)


def test_counts_are_added() -> None:
    score = score_hypotheses(ITEMS, 50)
    assert score.words.reference_length == 6
    assert (score.words.substitutions, score.words.deletions, score.words.insertions) == (1, 1, 1)
    assert score.wer == 0.5
    assert (score.sentences, score.wrong_sentences) == (4, 3)
