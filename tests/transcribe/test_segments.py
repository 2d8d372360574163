"""Segments: every word once and in order, parted at pauses and where a subtitle would be too long."""

from hypothesis import given
from hypothesis import strategies as st

from asr.transcribe import segments
from asr.transcribe.segments import segments_of
from asr.transcribe.transcript import Segment, Transcript, Word


def spoken(*times: tuple[float, float]) -> list[Word]:
    return [Word(f"w{number}", start, end) for number, (start, end) in enumerate(times)]


def texts(words: list[Word]) -> list[str]:
    return [segment.text for segment in segments_of(words)]


def test_a_pause_of_a_second_parts() -> None:
    assert texts(spoken((0, 1), (1.9, 2.5), (3.5, 4))) == ["w0 w1", "w2"]
    assert texts([]) == []


def test_too_long_is_parted_at_the_largest_gap() -> None:
    """Eight words in 8 s: 0.9 s each and 0.1 s between them, but for 0.3 s before w5 (so w5 to w7 begin later)."""
    words = spoken(*((n + 0.2 * (n >= 5), n + 0.9 + 0.2 * (n >= 5)) for n in range(8)))
    assert texts(words) == ["w0 w1 w2 w3 w4", "w5 w6 w7"]
    words = spoken(*((n, n + 0.9) for n in range(8)))  # equal gaps: in the middle
    assert texts(words) == ["w0 w1 w2 w3", "w4 w5 w6 w7"]


def test_no_word_alone_without_need() -> None:
    """The largest gap leaves one word of eight; the quarter at either end is not looked at."""
    words = spoken((0, 0.9), *((n + 0.5, n + 1.4) for n in range(1, 8)))
    assert texts(words) == ["w0 w1 w2 w3", "w4 w5 w6 w7"]


def test_characters() -> None:
    words = [Word("x" * 40, n, n + 0.5) for n in range(4)]
    assert [len(text) for text in texts(words)] == [81, 81]
    assert texts([Word("y" * 200, 0, 1)]) == ["y" * 200]  # a word stays whole


def test_confidence_is_the_mean() -> None:
    words = (Word("a", 0, 1, 0.5), Word("b", 1, 2, 1.0))
    (segment,) = segments_of(words)
    assert segment == Segment(0, 2, "a b", words)
    assert segment.confidence == 0.75
    assert Segment(0, 1, "a", (Word("a", 0, 1),)).confidence is None


def test_transcripts_have_them() -> None:
    words = tuple(spoken((0, 1), (3, 4)))
    assert [s.text for s in Transcript("w0 w1", 5.0, words).segments] == ["w0", "w1"]
    assert Transcript("w0 w1", 5.0).segments == (Segment(0.0, 5.0, "w0 w1", ()),)  # no words were asked for
    assert Transcript("", 5.0).segments == ()


@given(
    st.lists(
        st.tuples(st.floats(0, 2), st.floats(0.01, 9), st.text("ab", min_size=1, max_size=60)), max_size=60
    )
)
def test_each_word_once_and_short_enough(steps: list[tuple[float, float, str]]) -> None:
    words, time = [], 0.0
    for gap, seconds, text in steps:
        words.append(Word(text, time + gap, time + gap + seconds))
        time += gap + seconds
    found = segments_of(words)
    assert [word for segment in found for word in segment.words] == words
    for segment in found:
        assert segment.text == " ".join(word.word for word in segment.words)
        assert (segment.start, segment.end) == (segment.words[0].start, segment.words[-1].end)
        if len(segment.words) > 1:
            assert len(segment.text) <= segments.CHARACTERS
            assert segment.end - segment.start <= segments.SECONDS + 1e-9
        gaps = zip(segment.words, segment.words[1:], strict=False)
        assert all(after.start - before.end < segments.PAUSE for before, after in gaps)
