"""What the test part shares with what was learned from: planted, found, and nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.corpora import PreparedCorpus
from asr.corpora.leaks import OVERLAP, Leaks, find_leaks, shared_audio
from asr.manifest import Utterance
from asr.text import normalise


def said(name: str, text: str = "", speaker: str = "", audio: str = "") -> Utterance:
    """Its audio is its own unless another is named."""
    return Utterance(
        name, f"{name}.wav", 1.0, text, speaker=speaker, audio_digest=audio or f"audio of {name}"
    )


def leaks(**parts: list[Utterance]) -> Leaks:
    return find_leaks(parts, "plain-1")


def test_nothing_shared() -> None:
    parts = {name: [said(name, f"text of {name}", f"speaker of {name}")] for name in ("train", "dev", "test")}
    assert leaks(**parts) == Leaks({}, {}, {})


def test_each_kind_with_its_parts() -> None:
    found = leaks(
        train=[said("a", "yes", "anna", "X"), said("b", "no", "bert")],
        dev=[said("c", "go", "carl", "Y"), said("d", "yes", "dora", "X")],
        test=[
            said("t4", "on", "bert"),
            said("t3", "off", "carl", "Y"),
            said("t2", "yes", "emil"),
            said("t1", "up", "fred", "X"),
            said("t0", "down", "gert"),
        ],
    )
    assert found.audio == {"t1": ("dev", "train"), "t3": ("dev",)}
    assert found.texts == {"t2": ("dev", "train")}
    assert found.speakers == {"bert": ("train",), "carl": ("dev",)}
    assert list(found.audio) == ["t1", "t3"]  # in order, as the record has them


def test_texts_are_compared_as_the_recipe_reads_them() -> None:
    found = leaks(train=[said("a", "It’s  ON")], dev=[], test=[said("t", "it's on"), said("u", "its on")])
    assert list(found.texts) == ["t"]


def test_nothing_is_not_something_shared() -> None:
    """Empty texts, unknown speakers, audio of which no digest is known."""
    silent = Utterance("a", "a.wav", 1.0, " \u200b")
    assert leaks(train=[silent], dev=[], test=[Utterance("t", "t.wav", 1.0, "")]) == Leaks({}, {}, {})


def test_copies_inside_a_part_are_no_leak() -> None:
    twins = [said("a", "yes", "anna", "X"), said("b", "yes", "anna", "X")]
    assert leaks(train=[said("c", "no")], dev=[], test=twins) == Leaks({}, {}, {})


def stretch(name: str, file: str, offset: float, duration: float) -> Utterance:
    return Utterance(name, file, duration, "", offset=offset, audio_digest=name)


def test_stretches_of_one_file() -> None:
    """Cut out of one recording for training and for the test, with different ends."""
    train = [stretch("a", "talk.wav", 0.0, 5.0), stretch("b", "talk.wav", 8.0, 1.0)]
    test = [
        stretch("inside", "talk.wav", 2.0, 1.0),
        stretch("around", "sub/../talk.wav", 7.0, 4.0),
        stretch("end", "talk.wav", 4.5, 1.0),
        stretch("neighbour", "talk.wav", 5.0 - OVERLAP / 2, 2.0),
        stretch("other", "other.wav", 0.0, 5.0),
    ]
    found = shared_audio({"train": train, "dev": [stretch("c", "talk.wav", 10.5, 1)], "test": test})
    assert found == {"around": ("dev", "train"), "end": ("train",), "inside": ("train",)}


times = st.integers(0, 30).map(lambda tenths: tenths / 4)
stretches = st.lists(st.tuples(times, times.filter(bool), st.sampled_from("xy")), max_size=8)


@given(stretches, stretches)
def test_overlaps_by_brute_force(
    train: list[tuple[float, float, str]], test: list[tuple[float, float, str]]
) -> None:
    def parts(named: str, given: list[tuple[float, float, str]]) -> list[Utterance]:
        return [
            stretch(f"{named}{n}", file, offset, length) for n, (offset, length, file) in enumerate(given)
        ]

    expected = {
        f"t{n}"
        for n, (offset, length, file) in enumerate(test)
        for begin, seconds, other in train
        if file == other and offset < begin + seconds and begin < offset + length
    }
    assert shared_audio({"train": parts("a", train), "test": parts("t", test)}).keys() == expected


words = st.sampled_from(["", "yes", "Yes", "no", "ye s"])
utterances = st.lists(
    st.tuples(words, st.sampled_from(["", "anna", "bert", "carl"]), st.sampled_from("PQRSTUV")), max_size=6
)


@given(utterances, utterances, utterances)
def test_by_brute_force(
    train: list[tuple[str, str, str]], dev: list[tuple[str, str, str]], test: list[tuple[str, str, str]]
) -> None:
    parts = {
        name: [said(f"{name}{n}", *values) for n, values in enumerate(given)]
        for name, given in (("train", train), ("dev", dev), ("test", test))
    }
    audio, texts, speakers = set(), set(), set()
    for one in parts["test"]:
        for other in (*parts["train"], *parts["dev"]):
            if one.audio_digest == other.audio_digest:
                audio.add(one.id)
            if one.text and normalise(one.text) == normalise(other.text):
                texts.add(one.id)
            if one.speaker and one.speaker == other.speaker:
                speakers.add(one.speaker)
    found = leaks(**parts)
    assert (found.audio.keys(), found.texts.keys(), found.speakers.keys()) == (audio, texts, speakers)


@pytest.mark.parametrize(("name", "texts", "speakers"), [("an4", 26, 0), ("fsdd", 300, 6), ("yesno", 0, 1)])
def test_real_corpora(name: str, texts: int, speakers: int, real: Callable[[str], PreparedCorpus]) -> None:
    """No test recording of theirs is a training recording; what else they share is how they are made."""
    found = find_leaks(real(name).splits, "plain-1")
    assert (len(found.audio), len(found.texts), len(found.speakers)) == (0, texts, speakers)


@pytest.mark.parametrize("name", ["an4", "fsdd", "yesno"])
def test_recording_planted_in_a_real_corpus(name: str, real: Callable[[str], PreparedCorpus]) -> None:
    splits = real(name).splits
    planted = splits["train"][7]
    found = find_leaks({**splits, "test": [*splits["test"], planted]}, "plain-1")
    assert found.audio == {planted.id: ("train",)}
    assert planted.id in found.texts
    assert planted.speaker in found.speakers
