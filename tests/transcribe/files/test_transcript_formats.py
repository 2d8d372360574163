"""Transcripts as files: read back by other means, and worked out by hand."""

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.transcribe.files.channels import Channels
from asr.transcribe.files.formats import FORMATS, LINE
from asr.transcribe.transcript import Transcript, Word

HELLO = Transcript(
    "hello big world",
    3.0004,
    (Word("hello", 0.1, 0.5, 0.75), Word("big", 0.5, 0.8, 0.5), Word("world", 0.8, 1.2346)),
)
EMPTY = Transcript("", 2.0)
CALL = Channels(
    (
        Transcript("yes well", 9.0, (Word("yes", 1.0, 1.5), Word("well", 6.0, 6.5))),
        Transcript("so", 9.0, (Word("so", 3.0, 3.25),)),
    )
)


def written(kind: str, heard: Transcript | Channels, name: str = "talks/my talk.wav") -> str:
    return FORMATS[kind].write(name, heard)


def test_by_hand() -> None:
    assert written("txt", HELLO) == "hello big world\n"
    assert written("srt", HELLO) == "1\n00:00:00,100 --> 00:00:01,235\nhello big world\n"
    assert written("vtt", HELLO) == "WEBVTT\n\n00:00:00.100 --> 00:00:01.235\nhello big world\n"
    assert written("tsv", HELLO) == "start\tend\ttext\n100\t1235\thello big world\n"
    assert written("ctm", HELLO) == (
        "my_talk 1 0.100 0.400 hello 0.7500\nmy_talk 1 0.500 0.300 big 0.5000\nmy_talk 1 0.800 0.435 world\n"
    )


def test_json_is_as_users_of_whisper_know_it() -> None:
    tree = json.loads(written("json", HELLO))
    assert tree == json.loads(written("jsonl", HELLO))
    assert written("jsonl", HELLO).count("\n") == 1
    words = [
        {"word": "hello", "start": 0.1, "end": 0.5, "confidence": 0.75},
        {"word": "big", "start": 0.5, "end": 0.8, "confidence": 0.5},
        {"word": "world", "start": 0.8, "end": 1.235, "confidence": None},
    ]
    segment = {
        "id": 0,
        "start": 0.1,
        "end": 1.235,
        "text": "hello big world",
        "confidence": 0.625,
        "words": words,
    }
    assert tree == {
        "file": "talks/my talk.wav",
        "text": "hello big world",
        "language": "und",
        "duration": 3.0,
        "engine": "torch",
        "segments": [segment],
        "words": words,
    }


def test_nothing_was_said() -> None:
    assert [written(kind, EMPTY) for kind in ("txt", "srt", "vtt", "tsv", "ctm")] == [
        "\n",
        "",
        "WEBVTT\n",
        "start\tend\ttext\n",
        "",
    ]
    assert json.loads(written("json", EMPTY))["segments"] == []


def test_channels() -> None:
    """What a caller says and what comes back, in the order of the call; CTM by channels, as sclite wants it."""
    assert written("txt", CALL) == "1\tyes\n2\tso\n1\twell\n"
    assert written("ctm", CALL, "c.wav") == "c 1 1.000 0.500 yes\nc 1 6.000 0.500 well\nc 2 3.000 0.250 so\n"
    assert written("tsv", CALL).splitlines()[2] == "3000\t3250\tso\t2"
    assert "00:00:03.000 --> 00:00:03.250\n<v Channel 2>so\n" in written("vtt", CALL)
    assert "2\n00:00:03,000 --> 00:00:03,250\n[2] so\n" in written("srt", CALL)
    tree = json.loads(written("json", CALL))
    assert (tree["channels"], tree["text"], tree["duration"]) == (2, "yes\nso\nwell", 9.0)
    assert [(one["id"], one["channel"], one["text"]) for one in tree["segments"]] == [
        (0, 1, "yes"),
        (1, 2, "so"),
        (2, 1, "well"),
    ]
    assert [(one["channel"], one["word"]) for one in tree["words"]] == [(1, "yes"), (2, "so"), (1, "well")]


def test_what_could_be_taken_for_something_else() -> None:
    odd = Transcript(
        "a --> <b> & c", 1.0, (Word("a", 0, 0.1), Word("-->", 0.1, 0.2), Word("<b>&c", 0.2, 0.3))
    )
    assert written("vtt", odd).endswith("\na --&gt; &lt;b&gt;&amp;c\n")
    assert written("srt", odd).endswith("\na -> <b>&c\n")
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    assert json.loads(written("json", EMPTY, name).encode())["file"] == "caf\\xe9.wav"
    assert written("ctm", HELLO, name).startswith("caf\\xe9 1 ")
    assert written("ctm", HELLO, "a/talk.2").startswith("talk.2 1 ")  # and not the name that talk.1 has, too
    assert written("ctm", HELLO, "a/talk.2.WAV").startswith("talk.2 1 ")


def test_hours_and_a_word_that_takes_no_time() -> None:
    late = Transcript("end", 400_000.0, (Word("end", 359_999.9996, 359_999.9996),))
    assert "100:00:00,000 --> 100:00:00,001" in written("srt", late)
    assert "\n100:00:00.000 --> 100:00:00.001\n" in written("vtt", late)


@pytest.mark.parametrize("length", [LINE, LINE + 1, 2 * LINE, 3 * LINE])
def test_lines_of_subtitles(length: int) -> None:
    text = ("four " * length)[:length].strip()
    words = text.split()
    heard = Transcript(text, 9.0, tuple(Word(word, i * 0.1, i * 0.1 + 0.1) for i, word in enumerate(words)))
    for cue in written("srt", heard).split("\n\n"):
        lines = cue.strip().split("\n")[2:]
        assert max(map(len, lines)) <= LINE
        assert len(lines) <= 3  # two, where words can be parted so


word_texts = st.text(st.characters(codec="utf-8", categories=["L", "P", "S", "N"]), min_size=1, max_size=12)
some_words = st.lists(st.tuples(word_texts, st.floats(0, 3), st.floats(0, 2)), max_size=30)


@given(some_words)
def test_subtitles_can_be_parsed(drawn: list[tuple[str, float, float]]) -> None:
    """By their grammars, written down here: cues in order, each with a time that is longer than none, and all words."""
    words, end = [], 0.0
    for text, pause, length in drawn:
        words.append(Word(text, end + pause, end + pause + length))
        end += pause + length
    heard = Transcript(" ".join(word.word for word in words), end, tuple(words))
    number, clock = r"(\d+)\n", r"(\d{2,}):([0-5]\d):([0-5]\d)%s(\d{3})"
    for kind, head, point in (("srt", number, ","), ("vtt", "", r"\.")):
        content = written(kind, heard)
        if kind == "vtt":
            assert content.startswith("WEBVTT\n")
            content = content.removeprefix("WEBVTT\n").removeprefix("\n")
        said, before = [], (-1, 0)
        for position, cue in enumerate(content.split("\n\n") if content else [], 1):
            match = re.fullmatch(
                head + clock % point + " --> " + clock % point + "\n(.+)", cue.strip("\n"), re.DOTALL
            )
            assert match, cue
            groups = list(match.groups())
            if kind == "srt":
                assert int(groups.pop(0)) == position
            times = [int(part) for part in groups[:8]]
            begin, stop = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (times[:4], times[4:]))
            assert begin < stop
            assert begin >= before[0]
            before = (begin, stop)
            assert "-->" not in groups[8]
            text = html.unescape(groups[8]) if kind == "vtt" else groups[8]
            said += text.split()
        expected = heard.text.split()
        if kind == "srt":
            expected = [re.sub("-{2,}>", "->", word) for word in expected]
        assert said == expected
    rows = written("tsv", heard).splitlines()[1:]
    assert [row.split("\t")[2] for row in rows] == [segment.text for segment in heard.segments]
    ctm = [line.split() for line in written("ctm", heard).splitlines()]
    assert [line[4] for line in ctm] == [word.word for word in words]
    assert all(
        float(line[2]) == pytest.approx(word.start, abs=6e-4) for line, word in zip(ctm, words, strict=True)
    )
