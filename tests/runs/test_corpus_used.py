"""The corpus as a run uses it."""

from dataclasses import replace

import miniature
import pytest

from asr.corpora.lock import split_lock
from asr.corpora.prepare import PreparedCorpus
from asr.errors import CorpusError
from asr.manifest import Utterance, audio_digest, digest_of
from asr.runs.corpus_used import describe_corpus, settings_digest, split
from asr.training.selection import LeftOut

RECIPE = miniature.recipe()


def utterance(name: str, speaker: str) -> Utterance:
    import numpy as np

    digest = digest_of(audio_digest(np.full((9, 1), len(name), np.int16), 8000), name, speaker)
    return Utterance(name, f"{name}.wav", 1.25, name, speaker=speaker, digest=digest)


def prepared(train: list[Utterance], test: list[Utterance]) -> PreparedCorpus:
    splits = {"train": train, "test": test}
    locks = {name: split_lock(part) for name, part in splits.items()}
    return PreparedCorpus("an4", "an4.tar.gz", "ab" * 32, splits, locks, "matches")


TRAIN = [utterance(f"a{n}", f"speaker{n % 4}") for n in range(12)]
TEST = [utterance(f"b{n}", f"tester{n % 2}") for n in range(5)]


def test_three_parts() -> None:
    parts = split(prepared(TRAIN, TEST), RECIPE)
    assert {name: len(part) for name, part in parts.items()} == {"train": 9, "dev": 3, "test": 5}
    assert parts["test"] == TEST


@pytest.mark.parametrize("empty", ["train", "test"])
def test_part_without_utterances(empty: str) -> None:
    corpus = prepared([] if empty == "train" else TRAIN, [] if empty == "test" else TEST)
    with pytest.raises(CorpusError, match=f"an4: no utterances in its {empty} part"):
        split(corpus, RECIPE)


def test_description() -> None:
    corpus = prepared(TRAIN, [*TEST, utterance("c", TRAIN[0].speaker)])
    parts = split(corpus, RECIPE)
    used = describe_corpus(corpus, parts, [LeftOut("a1", "its text is empty")])
    assert (used.source, used.source_sha256, used.lock) == ("an4.tar.gz", "ab" * 32, "matches")
    assert (used.splits["train"].utterances, used.splits["train"].seconds) == (9, 11.25)
    assert used.splits["train"].speakers == 3
    assert [item.id for item in used.left_out] == ["a1"]
    heard = {item.speaker for item in parts["train"]}
    assert used.shared_speakers == ([TRAIN[0].speaker] if TRAIN[0].speaker in heard else [])


def test_speakers_of_both_parts_are_named() -> None:
    corpus = prepared(TRAIN, [replace(item, speaker=item.id) for item in TRAIN[:1]] + TRAIN[4:8])
    used = describe_corpus(corpus, split(corpus, RECIPE), [])
    assert len(used.shared_speakers) == 3  # the fourth is held out for development


def test_settings_are_recipe_and_parts() -> None:
    corpus = prepared(TRAIN, TEST)
    used = describe_corpus(corpus, split(corpus, RECIPE), [])
    digest = settings_digest(RECIPE, used)
    turned = prepared(TRAIN[::-1], TEST[::-1])
    assert settings_digest(RECIPE, describe_corpus(turned, split(turned, RECIPE), [])) == digest
    assert settings_digest(miniature.recipe(seed=2), used) != digest
    for other in (prepared([*TRAIN, utterance("x", "speaker1")], TEST), prepared(TRAIN, TEST[:-1])):
        assert settings_digest(RECIPE, describe_corpus(other, split(other, RECIPE), [])) != digest
