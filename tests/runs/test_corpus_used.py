"""The corpus as a run uses it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import miniature
import pytest

from asr.corpora.lock import split_lock
from asr.corpora.prepared import LockState, PreparedCorpus
from asr.errors import CorpusError
from asr.manifest import (
    Utterance,
    audio_digest,
    digest_of,
    manifest_digest,
    read_manifest,
    write_manifest,
)
from asr.recipe import Recipe
from asr.recipe_file import load_recipe
from asr.runs.corpus_used import describe_corpus, refuse_leaks, settings_digest, split
from asr.runs.record import CorpusUsed, Shared
from asr.training.selection import LeftOut

RECIPE = miniature.recipe(corpus__waive=[])


def utterance(name: str, speaker: str) -> Utterance:
    import numpy as np

    audio = audio_digest(np.frombuffer(name.encode(), np.uint8)[:, None].astype(np.int16), 8000)
    digest = digest_of(audio, name, speaker)
    return Utterance(name, f"{name}.wav", 1.25, name, speaker=speaker, digest=digest, audio_digest=audio)


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


def used_of(corpus: PreparedCorpus, recipe: Recipe = RECIPE) -> CorpusUsed:
    return describe_corpus(corpus, split(corpus, recipe), [], recipe)


def test_description() -> None:
    corpus = prepared(TRAIN, TEST)
    parts = split(corpus, RECIPE)
    used = describe_corpus(corpus, parts, [LeftOut("a1", "its text is empty")], RECIPE)
    assert (used.source, used.source_sha256, used.lock) == ("an4.tar.gz", "ab" * 32, "matches")
    assert (used.splits["train"].utterances, used.splits["train"].seconds) == (9, 11.25)
    assert used.splits["train"].speakers == 3
    assert [item.id for item in used.left_out] == ["a1"]
    assert used.shared == Shared(audio=[], texts=[], speakers=[])
    assert used.waived == []


def test_record_knows_every_state_of_a_lock() -> None:
    assert get_args(CorpusUsed.model_fields["lock"].annotation) == get_args(LockState)


def test_manifests_in_the_run_folder_are_those_of_the_record(tmp_path: Path) -> None:
    corpus = prepared(TRAIN, TEST)
    used = used_of(corpus)
    for name, part in split(corpus, RECIPE).items():
        write_manifest(tmp_path / name, part)
        assert manifest_digest(read_manifest(tmp_path / name)) == used.splits[name].manifest
    assert len({part.manifest for part in used.splits.values()}) == 3


def held_out() -> tuple[Utterance, Utterance]:
    """One utterance that is learned from, and one of the development data."""
    parts = split(prepared(TRAIN, TEST), RECIPE)
    return parts["train"][0], parts["dev"][0]


def planted(kind: str) -> tuple[PreparedCorpus, list[str]]:
    """A corpus whose test part has two more utterances, which share just this with train and dev; what is shared."""
    names, speakers = ["leak1", "leak2"], []
    strangers = [utterance(name, "stranger") for name in names]
    for number, other in enumerate(held_out()):
        change = {
            "audio": {"audio_digest": other.audio_digest},
            "texts": {"text": f" {other.text.upper()}"},
            "speakers": {"speaker": other.speaker},
        }[kind]
        strangers[number] = replace(strangers[number], **change)
        speakers.append(other.speaker)
    return prepared(TRAIN, [*TEST, *strangers]), sorted(speakers) if kind == "speakers" else names


@pytest.mark.parametrize("kind", ["audio", "texts", "speakers"])
def test_planted_leak_is_recorded_refused_and_can_be_waived(kind: str) -> None:
    corpus, names = planted(kind)
    nothing: dict[str, list[str]] = {"audio": [], "texts": [], "speakers": []}
    assert used_of(corpus).shared.model_dump() == nothing | {kind: names}
    parts = split(corpus, RECIPE)
    others = [name for name in nothing if name != kind]
    for waive in ([], others):
        with pytest.raises(CorpusError) as caught:
            refuse_leaks(parts, miniature.recipe(corpus__waive=waive))
        what = {"audio": "audio of 2 of 7 utterances", "texts": "texts of 2 of 7 utterances"}
        assert str(caught.value).startswith(
            f"an4: the test part shares with train and dev: {what.get(kind, '2 of 4 speakers')} "
            f"(1 in train and 1 in dev): {', '.join(names)}. An error rate"
        )
        allowed = json.dumps(sorted([*waive, kind]))
        assert f"waive = {allowed} under [corpus] in the recipe, or --set 'corpus.waive={allowed}'" in str(
            caught.value
        )
    for waive in ([kind], [*nothing][::-1]):  # more than is needed does no harm
        recipe = miniature.recipe(corpus__waive=waive)
        assert refuse_leaks(parts, recipe) == ""
        used = used_of(corpus, recipe)
        assert used.waived == sorted(waive)
        assert used.shared.model_dump() == nothing | {kind: names}


def test_every_kind_is_named_at_once() -> None:
    learned, _ = held_out()
    corpus = prepared(TRAIN, [*TEST, replace(learned, id="copy")])
    with pytest.raises(CorpusError) as caught:
        refuse_leaks(split(corpus, RECIPE), RECIPE)
    assert (
        "audio of 1 of 6 utterances (1 in train): copy; texts of 1 of 6 utterances (1 in train): copy; "
        f"1 of 3 speakers (1 in train): {learned.speaker}. " in str(caught.value)
    )
    assert '\'corpus.waive=["audio", "speakers", "texts"]\'' in str(caught.value)


def test_waiver_that_the_message_offers_is_understood(tmp_path: Path) -> None:
    corpus, _ = planted("texts")
    with pytest.raises(CorpusError) as caught:
        refuse_leaks(split(corpus, RECIPE), RECIPE)
    offered = re.search(r"--set '(.*)'$", str(caught.value))
    in_file = re.search(r"(waive = .*) under \[corpus\]", str(caught.value))
    assert offered is not None
    assert in_file is not None
    path = tmp_path / "mini.toml"
    for line, changes in (("", [offered[1]]), (in_file[1], [])):
        path.write_text(f'name = "mini"\n[corpus]\nname = "an4"\ndev_speakers = 1\n{line}\n')
        assert refuse_leaks(split(corpus, RECIPE), load_recipe(path, changes)) == ""


def test_nothing_shared_is_not_refused() -> None:
    assert refuse_leaks(split(prepared(TRAIN, TEST), RECIPE), RECIPE) == ""


def test_copies_in_the_development_data_are_told() -> None:
    learned, held = held_out()
    copy = replace(held, id="copy", audio_digest=learned.audio_digest)
    parts = split(prepared([*TRAIN, copy], TEST), RECIPE)
    assert refuse_leaks(parts, RECIPE) == (
        "an4: audio of 1 of 4 development utterances (1 in train): copy. The best epoch is chosen on what was learned"
    )


def test_settings_are_recipe_and_parts() -> None:
    corpus = prepared(TRAIN, TEST)
    digest = settings_digest(RECIPE, used_of(corpus))
    assert settings_digest(RECIPE, used_of(prepared(TRAIN[::-1], TEST[::-1]))) == digest
    assert settings_digest(miniature.recipe(seed=2), used_of(corpus)) != digest
    for other in (prepared([*TRAIN, utterance("x", "speaker1")], TEST), prepared(TRAIN, TEST[:-1])):
        assert settings_digest(RECIPE, used_of(other)) != digest
