"""What members hear, alone and together, and the words that they vote with."""

from pathlib import Path

import miniature
import numpy as np
import pytest
from small_bundle import write_bundle, write_searching_bundle

from asr.ensemble.averaging import Likeness
from asr.ensemble.members import Member, Members, checked_searches
from asr.ensemble.rover import Said
from asr.ensemble.words import said_of, text_of
from asr.errors import BundleError, EnsembleError


def test_words_keep_their_confidences() -> None:
    """A word that is taken apart gives its own to all its parts."""
    sure = [("Hello,", 0.9), ("well-known", 0.4)]
    assert said_of("Hello, well-known", sure, "basic-1") == (
        Said("hello", 0.9), Said("well", 0.4), Said("known", 0.4)
    )  # fmt: skip
    assert said_of("hello there", (), "plain-1") == (Said("hello"), Said("there"))
    assert said_of("", (), "plain-1") == ()


def test_confidences_that_fit_no_words_are_left_out() -> None:
    """A comma between digits belongs to the number; nobody knows how sure of "1,000" these two are."""
    assert said_of("1,000", [("1", 0.9), ("000", 0.4)], "en-1") == (Said("1000"),)


def test_characters() -> None:
    said = said_of("你好 a", [("你好", 0.9), ("a", 0.4)], "zh-1", "character")
    assert said == (Said("你", 0.9), Said("好", 0.9), Said("a", 0.4))
    assert text_of(said, "character") == "你好a"
    assert text_of([Said("go"), Said(None), Said("on")]) == "go on"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("members")
    write_bundle(folder / "greedy")
    write_searching_bundle(folder / "searching")
    return folder


def test_a_search_is_taken_where_there_is_one(folder: Path) -> None:
    members = [Member.of(name, folder / name, "beam", "none") for name in ("greedy", "searching")]
    assert [member.decoder for member in members] == ["greedy", "beam"]
    checked_searches(members, "beam")
    with pytest.raises(BundleError, match="greedy: this model carries no search, nor do the others"):
        checked_searches(members[:1], "beam")
    assert Member.of("s", folder / "searching", "greedy", "none").decoder == "greedy"


def test_an_average_is_read_by_the_first(folder: Path, tmp_path: Path) -> None:
    """Both have the same weights, so the average is each of them; only the way to read it differs."""
    (utterance,) = miniature.write_utterances(tmp_path, ["SEE NO GO ON"])
    for first, second in (("greedy", "searching"), ("searching", "greedy")):
        each = tuple(Member.of(name, folder / name, "beam", "none") for name in (first, second))
        likeness = Likeness.of([first, second], [member.described for member in each])
        (heard,) = Members(each, "plain-1", likeness=likeness, means=("probabilities",)).hear([utterance])
        assert heard.averages["probabilities"] == heard.members[0]
        assert heard.members[0] != heard.members[1]
        assert min(*heard.computing, *heard.reading, heard.averaging) >= 0


def test_confidences_of_the_model(folder: Path) -> None:
    member = Member.of("s", folder / "searching", "beam", "posterior")
    log_probs = np.log(np.full((6, 8), 0.02, np.float32))
    go = [member.described.tokenizer.encode(letter)[0] for letter in "go"]
    log_probs[:, 0] = np.log(0.86)
    log_probs[1, [0, go[0]]], log_probs[3, [0, go[1]]] = np.log([0.06, 0.82]), np.log([0.1, 0.78])
    (said,) = member.read(log_probs, "plain-1", "word")
    assert said.word == "go"
    assert said.confidence == pytest.approx((0.82 + 0.78) / 2, abs=1e-6)


def test_one_is_no_ensemble(folder: Path) -> None:
    with pytest.raises(EnsembleError, match="two members or more, got 1"):
        Members((Member.of("a", folder / "greedy", "greedy", "none"),), "plain-1")
