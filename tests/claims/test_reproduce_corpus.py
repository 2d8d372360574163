"""A record that is run again on another corpus: what is other has a name, down to one bit of one sample."""

import json
from pathlib import Path

import miniature
import pytest
from reproducing import Again, with_one_bit_changed

from asr.claims.reproduce import VERDICT
from asr.errors import CorpusError, RunError


def utterance_of(base: Path, part: str) -> str:
    """The id of an utterance of a part, of which there is one file."""
    lines = (base / "manifests" / f"{part}.jsonl").read_text().splitlines()
    return str(json.loads(lines[-1])["id"])


def test_one_bit_of_one_training_sample(again: Again, base: Path, home: Path, tmp_path: Path) -> None:
    name = utterance_of(base, "train")
    found = again(corpus=with_one_bit_changed(home / "an4", name, tmp_path), workers=2)
    assert found.verdict.parting is not None
    assert (found.verdict.parting.place, found.verdict.parting.step <= 3) == (
        "audio",
        True,
    )  # in the first epoch
    (cause,) = found.causes
    assert (cause.kind, cause.likely) == ("training data", True)
    assert cause.what == f"the train part of an4 (changed in train: {name})"


def test_one_bit_of_one_development_sample(again: Again, base: Path, home: Path, tmp_path: Path) -> None:
    """No weight depends on it. It is named all the same."""
    name = utterance_of(base, "dev")
    found = again(corpus=with_one_bit_changed(home / "an4", name, tmp_path), workers=2)
    assert found.verdict.exit_status == 0
    (cause,) = found.causes
    assert (cause.kind, cause.what) == ("development data", f"the dev part of an4 (changed in train: {name})")


def test_one_bit_of_one_test_sample(again: Again, base: Path, home: Path, tmp_path: Path) -> None:
    """An error rate on other audio cannot be compared; which audio is other must be said."""
    name = utterance_of(base, "test")
    found = again(corpus=with_one_bit_changed(home / "an4", name, tmp_path), workers=2)
    assert (found.verdict.name, found.verdict.exit_status) == ("not comparable", 5)
    assert "the test parts are not the same: 6 utterances (" in found.verdict.reason
    (cause,) = found.causes
    assert cause.kind == "test data"
    assert name in f"{cause} {found.verdict}"


def test_another_corpus(again: Again, tmp_path: Path) -> None:
    found = again(corpus=miniature.write_corpus(tmp_path / "other", train=12, test=4))
    assert (found.verdict.name, found.verdict.exit_status) == ("not comparable", 5)
    assert "6 utterances (" in found.verdict.reason
    assert "and 4 (" in found.verdict.reason


def test_a_corpus_that_is_not_that_of_the_lock_file(again: Again, tmp_path: Path) -> None:
    """Unless it is accepted on purpose, nothing is trained on it."""
    with pytest.raises(CorpusError, match=r"an4: not the corpus of an4\.lock\.json: .* --any-corpus"):
        again(check_lock=True)
    assert not (tmp_path / "again" / VERDICT).exists()


def test_a_finished_one_says_nothing_about_another_corpus(
    again: Again, base: Path, home: Path, tmp_path: Path
) -> None:
    """The verdict of before is not one about what is named now."""
    assert again().verdict.name == "bit-identical"
    other = with_one_bit_changed(home / "an4", utterance_of(base, "train"), tmp_path)
    with pytest.raises(
        RunError, match=r"is of another corpus than .*; choose another --out, or start over with"
    ):
        again(corpus=other)
