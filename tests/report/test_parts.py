"""What a page is made of, with values worked out by hand."""

import itertools
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import Audio
from asr.report.alignment import Step, align_characters, align_words, confusions
from asr.report.breakdown import by_seconds, by_speaker, by_words
from asr.report.errors import ranked
from asr.report.markup import Html, element, table
from asr.report.scale import Scale, covering, linear_ticks, log_ticks, number, spread
from asr.report.sound import ROWS, SHADES, png, spectrogram
from asr.runs.record import Outcome
from asr.scoring import count_character_errors, count_errors
from asr.utterance import Utterance

TEXTS = st.text("ab c", max_size=12)


def test_only_markup_is_markup() -> None:
    made = element("p", "<b>", element("b", "a & b"), None, class_='x"y', hidden=True, id=None)
    assert made == '<p class="x&quot;y" hidden>&lt;b&gt;<b>a &amp; b</b></p>'
    assert element("p", Html("<b>")) == "<p><b></p>"
    assert "&lt;i&gt;" in table("<i>", ["a"], [["b"]])


def test_an_alignment_by_hand() -> None:
    (steps,) = align_words([("one two three", "one too three four")])
    assert steps == [
        Step("hit", "one", "one"),
        Step("substituted", "two", "too"),
        Step("hit", "three", "three"),
        Step("inserted", "", "four"),
    ]
    (steps,) = align_characters([("a b", "ab")])
    assert [step for step in steps if step.kind != "hit"] == [Step("deleted", " ", "")]
    (steps,) = align_words([("你好", "你坏")], "character")
    assert steps == [Step("hit", "你", "你"), Step("substituted", "好", "坏")]


def test_confusions_are_counted_over_utterances() -> None:
    aligned = align_words([("m n", "n n"), ("m", "n"), ("a b", "b"), ("c", "c d")])
    assert confusions(aligned) == {("m", "n"): 2, ("a", ""): 1, ("", "d"): 1}


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
def test_alignments_have_as_many_errors_as_the_score(pairs: list[tuple[str, str]]) -> None:
    for (reference, hypothesis), words, characters in zip(
        pairs, align_words(pairs), align_characters(pairs), strict=True
    ):
        assert sum(step.kind != "hit" for step in words) == count_errors(reference, hypothesis).errors
        assert (
            sum(step.kind != "hit" for step in characters)
            == count_character_errors(reference, hypothesis).errors
        )
        assert [step.reference for step in words if step.reference] == reference.split()
        assert [step.hypothesis for step in words if step.hypothesis] == hypothesis.split()


def outcome(speaker: str, words: int, errors: int) -> Outcome:
    return Outcome(speaker=speaker, words=words, errors=errors, characters=0, hypothesis="")


OUTCOMES = {
    "u1": outcome("anna", 4, 1),
    "u2": outcome("anna", 4, 1),
    "u3": outcome("bert", 2, 0),
    "u4": outcome("", 30, 3),
}


def test_groups_by_hand() -> None:
    anna, bert = by_speaker(OUTCOMES)
    assert (anna.name, anna.utterances, anna.words, anna.errors, anna.rate) == ("anna", 2, 8, 2, 0.25)
    assert (anna.low, anna.high) == (0.25, 0.25)  # both utterances have the same rate
    # No errors in two words: 0.025 = (1 - p) ** 2.
    assert (bert.rate, bert.low) == (0, 0)
    assert bert.high == pytest.approx(1 - 0.025**0.5)
    assert [(group.name, group.errors) for group in by_words(OUTCOMES)] == [
        ("2 to 3 words", 0),
        ("4 to 6 words", 2),
        ("26 words or more", 3),
    ]
    assert [group.interval for group in by_words(OUTCOMES)][2] == "none"
    lengths = [Utterance("u1", "", 0.5, ""), Utterance("u2", "", 2.0, ""), Utterance("u4", "", 99.0, "")]
    assert [(group.name, group.words) for group in by_seconds(OUTCOMES, lengths)] == [
        ("under 1 s", 4),
        ("2 to 4 s", 4),
        ("16 s or more", 30),
    ]


def test_the_worst_are_those_with_most_errors_in_all_runs() -> None:
    class Judged:
        def __init__(self, **errors: int) -> None:
            self.outcomes = {name: outcome("", 9, count) for name, count in errors.items()}

    runs = [Judged(a=1, b=2, c=0, d=0), Judged(a=2, b=0, c=1, d=0)]
    assert ranked(runs) == ["a", "b", "c"]  # type: ignore[arg-type]


def test_ticks_are_round() -> None:
    assert linear_ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert linear_ticks(0.013, 0.061) == pytest.approx([0.02, 0.03, 0.04, 0.05, 0.06])
    assert log_ticks(0.04, 4) == pytest.approx([0.05, 0.1, 0.2, 0.5, 1, 2])
    assert log_ticks(0.04, 30) == pytest.approx([0.1, 1, 10])
    assert [number(each) for each in (0, 1e-5, 0.25, 12_345, 1e7)] == ["0", "1e-5", "0.25", "12,345", "1e7"]
    assert number(0.0525, percent=True) == "5.25%"


def test_scales_by_hand() -> None:
    assert [Scale(0, 10, 100, 0)(value) for value in (0, 5, 10)] == [100, 50, 0]
    assert Scale(0.01, 100, 0, 40, log=True)(1) == pytest.approx(20)
    assert Scale(0.01, 100, 0, 40, log=True)(0) == 0
    assert covering([]) == (0, 1)
    assert covering([3.0, 3.0], zero=True) == pytest.approx((0, 3.12))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_labels_keep_their_order_and_distance(places: list[float]) -> None:
    found = spread(places, 5, 0, 100)
    for first, second in itertools.combinations(range(len(places)), 2):
        assert abs(found[first] - found[second]) >= 5 - 1e-9
        if places[first] < places[second]:
            assert found[first] < found[second]
    assert all(0 <= each <= 100 + 1e-9 for each in found)


def test_a_tone_is_seen_where_it_sounds() -> None:
    seconds = np.arange(16_000) / 16_000
    picture = spectrogram(Audio(np.sin(2 * np.pi * 2_000 * seconds).astype(np.float32), 16_000))
    assert picture.shape[0] == ROWS
    assert picture.shape[1] == 125  # a column each 8 ms
    loudest = picture[:, 60].argmax()
    assert abs(loudest - (ROWS - 1 - 2_000 / 8_000 * ROWS)) <= 1
    assert spectrogram(Audio(np.zeros(100, np.float32), 8_000)).max() < SHADES


def test_a_picture_holds_its_shades() -> None:
    shades = np.array([[0, 1, 2], [61, 62, 63]], np.uint8)
    content = png(shades)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        assert struct.unpack(">I", content[place + 8 + size : place + 12 + size]) == (
            zlib.crc32(kind + body),
        )
        chunks[kind] = body
        place += 12 + size
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (3, 2)
    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 0, 1, 2, 0, 61, 62, 63])
    assert len(chunks[b"PLTE"]) == 3 * SHADES
