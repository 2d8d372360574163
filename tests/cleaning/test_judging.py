"""Texts against what a model hears: swapped and shifted ones are found, and its own doubts are no accusation."""

from dataclasses import replace
from pathlib import Path

import miniature
import numpy as np
import pytest

from asr.cleaning.heard import Ear, Line, judge_texts, limit_of
from asr.cleaning.known import Stretch
from asr.utterance import Utterance

TEXTS = [
    f"{a} {b} {c}"
    for a in miniature.WORDS
    for b, c in zip(miniature.WORDS, (*miniature.WORDS[2:], *miniature.WORDS[:2]), strict=True)
]


@pytest.fixture(scope="module")
def ear(tmp_path_factory: pytest.TempPathFactory) -> Ear:
    base = tmp_path_factory.getbasetemp()
    return Ear(
        miniature.trained(base)[1], tmp_path_factory.mktemp("known") / "known.sqlite", device="cpu", workers=2
    )


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    return miniature.write_utterances(tmp_path_factory.mktemp("spoken"), TEXTS)


def lines(utterances: list[Utterance]) -> list[Line]:
    return [
        Line("train", row, one, Stretch(one.audio_filepath, 0.0, 0.0), f"{row}")
        for row, one in enumerate(utterances)
    ]


def test_right_texts_are_not_accused(ear: Ear, spoken: list[Utterance]) -> None:
    verdict = judge_texts(ear, lines(spoken))
    assert verdict.findings == ()
    assert max(verdict.costs.values()) < 1.0


def test_wrong_texts_are(ear: Ear, spoken: list[Utterance]) -> None:
    """Two are swapped, one is of far away, one has more letters than there are frames, one has letters of nobody."""
    changed = list(spoken)
    changed[3], changed[4] = replace(spoken[3], text=TEXTS[4]), replace(spoken[4], text=TEXTS[3])
    changed[10] = replace(spoken[10], text=TEXTS[22])
    changed[15] = replace(spoken[15], text=" ".join(TEXTS))
    changed[18] = replace(spoken[18], text="QUARTZ")
    verdict = judge_texts(ear, lines(changed))
    assert sorted((one.kind, one.id, one.others) for one in verdict.findings) == [
        ("shifted", "u3", ("train/u4",)),
        ("shifted", "u4", ("train/u3",)),
        ("too-long", "u15", ()),
        ("transcript", "u10", ()),
    ]
    assert any("1 texts have letters" in note for note in verdict.notes)


def test_a_run_that_is_off_by_one(ear: Ear, spoken: list[Utterance]) -> None:
    changed = list(spoken)
    for row in range(6, 12):
        changed[row] = replace(spoken[row], text=TEXTS[row + 1])
    found = judge_texts(ear, lines(changed)).findings
    assert {one.id for one in found} == {f"u{row}" for row in range(6, 12)}
    assert [one.others for one in found if one.kind == "shifted"] == [
        (f"train/u{row - 1}",) for row in range(7, 12)
    ]


def test_what_was_judged_is_known(ear: Ear, spoken: list[Utterance], monkeypatch: pytest.MonkeyPatch) -> None:
    first = judge_texts(ear, lines(spoken))
    monkeypatch.setattr(ear, "_hear", None)  # nothing is heard again
    assert judge_texts(ear, lines(spoken)) == first


def test_limit() -> None:
    """By hand: own texts at 1 +- 0.2 (median absolute deviation 0.1), wrong ones at 5 and more."""
    own = np.array([0.8, 0.9, 1.0, 1.1, 1.2])
    limit, _ = limit_of(own, np.array([5.0] * 99 + [9.0]))
    assert limit == pytest.approx((1.0 + 5.0) / 2)
    limit, _ = limit_of(own, np.array([2.0] * 100))
    assert limit == pytest.approx(1.0 + 6 * 1.4826 * 0.1)
    limit, note = limit_of(own, np.array([1.2] * 100))
    assert limit is None and "cannot judge" in note


def test_few_texts_are_not_judged(ear: Ear, spoken: list[Utterance]) -> None:
    verdict = judge_texts(ear, lines(spoken[:5]))
    assert verdict.findings == ()
    assert "fewer than 20" in verdict.notes[-1]


def test_a_model_of_other_speech_does_not_judge(ear: Ear, spoken: list[Utterance], tmp_path: Path) -> None:
    """All texts are turned round: none fits, so that none can be told from wrong ones."""
    changed = [replace(one, text=TEXTS[-1 - row]) for row, one in enumerate(spoken)]
    verdict = judge_texts(ear, lines(changed))
    assert verdict.findings == ()
    assert any("cannot judge" in note for note in verdict.notes)
