"""Many utterances: what is done to all of them at once gives what a list of them gave, and takes little memory."""

import hashlib
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import miniature
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.corpora.decode import check_ids
from asr.corpora.holdout import hold_out
from asr.corpora.leaks import find_leaks
from asr.corpora.lock import MOST_KNOWN, split_lock
from asr.errors import CorpusError
from asr.identity import LONG
from asr.manifest import (
    Manifest,
    Selected,
    Utterance,
    identity,
    manifest_digest,
    read_manifest,
    write_manifest,
)
from asr.model.acoustic import new_model
from asr.randomness import keyed_seed
from asr.recipe import Corpus
from asr.runs.learning import begin
from asr.training.plan import plan_training

COUNT = 10_000  # so many have an index
RECIPE = miniature.recipe(corpus__dev_speakers=3)


def made_up(count: int) -> Iterator[Utterance]:
    for number in range(count):
        text = " ".join(f"w{number * step % 97}" for step in range(1, 12))
        digest = hashlib.sha256(b"%d" % number).hexdigest()
        place = f"/s/train-{number // 100:06d}.tar#{number}+5"
        yield Utterance(
            f"s{number % 50}-{number:06d}",
            place,
            5.0 + number % 7,
            text,
            f"s{number % 50}",
            0.0,
            "en",
            digest,
            digest,
        )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    path = tmp_path_factory.mktemp("many") / "train.jsonl"
    write_manifest(path, made_up(COUNT))
    return read_manifest(path)


def bytes_each(work: Callable[[], Any]) -> float:
    """The most that is held at a time, of what Python and numpy take, in bytes an utterance."""
    tracemalloc.start()
    try:
        kept = work()
        highest = tracemalloc.get_traced_memory()[1]
        del kept
        return highest / COUNT
    finally:
        tracemalloc.stop()


def test_memory_before_the_first_step(manifest: Manifest) -> None:
    """A list of the utterances alone takes 740 bytes each."""
    assert bytes_each(lambda: list(manifest)) > 600
    assert bytes_each(lambda: read_manifest(manifest.path)) < 60
    first = begin(RECIPE, manifest, torch.device("cpu"))
    assert bytes_each(lambda: begin(RECIPE, manifest, torch.device("cpu"))) < 300
    assert bytes_each(lambda: plan_training(first.examples, RECIPE, 0)) < 300


@pytest.mark.parametrize(
    ("work", "most"),
    [
        (lambda many: identity(utterance.digest for utterance in many), 350),
        (lambda many: check_ids("made-up", many.path, {"train": many}), 350),
        (lambda many: hold_out(many, RECIPE.corpus), 120),
        (manifest_digest, 350),
        (lambda many: find_leaks({"train": many, "test": many[:20]}, "plain-1"), 200),
    ],
    ids=["identity", "ids", "hold-out", "digest", "leaks"],
)
def test_memory_of_bookkeeping(manifest: Manifest, work: Callable[[Manifest], Any], most: float) -> None:
    assert bytes_each(lambda: work(manifest)) < most


def test_lock_of_a_large_split_names_nobody(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    named = split_lock(manifest)
    assert named.identities == {utterance.id: utterance.digest[:16] for utterance in manifest}
    assert COUNT < MOST_KNOWN
    monkeypatch.setattr("asr.corpora.lock.MOST_KNOWN", COUNT - 1)
    lock = split_lock(manifest)
    assert lock.identities is None
    assert (lock.utterances, lock.seconds, lock.digest) == (named.utterances, named.seconds, named.digest)
    assert lock.seconds == round(sum(utterance.duration for utterance in manifest), 3)


digests = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.lists(digests | st.sampled_from(["", "0" * 64, "f" * 64, "a" * 62 + "00", "x"]), max_size=12))
def test_identity_is_that_of_sorted_text(values: list[str]) -> None:
    text = "".join(f"{value}\n" for value in sorted(values))
    assert identity(values) == hashlib.sha256(text.encode()).hexdigest()


def test_identity_of_many() -> None:
    values = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(40_000)]
    random.Random(1).shuffle(values)
    text = "".join(f"{value}\n" for value in sorted(values))
    assert identity(iter(values)) == hashlib.sha256(text.encode()).hexdigest()


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["a", "a\0", "a\0\0", "b" * (LONG + 1), "\U0001f600", "\uffff"]
)


@given(st.lists(st.tuples(names, st.sampled_from(["x", "y", "z"])), max_size=9))
def test_digest_is_that_of_sorted_lines(given_utterances: list[tuple[str, str]]) -> None:
    """Also where ids are there twice, end in NUL, or are very long."""
    utterances = [Utterance(name, "/x.wav", 1.0, text) for name, text in given_utterances]
    lines = []
    for utterance in utterances:
        tree = {key: value for key, value in asdict(utterance).items() if key != "audio_filepath"}
        lines.append((utterance.id, json.dumps(tree, sort_keys=True, separators=(",", ":")) + "\n"))
    expected = hashlib.sha256("".join(line for _, line in sorted(lines)).encode()).hexdigest()
    assert manifest_digest(utterances) == manifest_digest(iter(utterances)) == expected


def held_by_hand(utterances: Sequence[Utterance], settings: Corpus) -> set[str]:
    by_speaker = settings.dev_speakers > 0
    everybody = {u.speaker if by_speaker else u.id for u in utterances}
    ranked = sorted(everybody, key=lambda name: keyed_seed(0, "hold-out", settings.split_key, name))
    return set(ranked[: settings.dev_speakers or settings.dev_utterances])


@pytest.mark.parametrize("wanted", [{"dev_speakers": 7}, {"dev_utterances": 300, "split_key": "other"}])
def test_held_out_as_ever(manifest: Manifest, wanted: dict[str, Any]) -> None:
    """From a manifest and from a list, and neither copies the utterances of the manifest."""
    settings = Corpus(name="manifest", **wanted)
    held = held_by_hand(manifest, settings)
    learn, dev = hold_out(manifest, settings)
    assert isinstance(learn, Selected)
    assert isinstance(dev, Selected)
    assert {u.speaker if settings.dev_speakers else u.id for u in dev} == held
    assert (list(learn), list(dev)) == hold_out(list(manifest), settings)
    assert len(learn) + len(dev) == COUNT


def test_ids_that_are_there_twice(manifest: Manifest, tmp_path: Path) -> None:
    check_ids("made-up", tmp_path, {"train": manifest, "test": [Utterance("new", "/x.wav", 1.0, "")]})
    twice = manifest[COUNT // 2]
    with pytest.raises(CorpusError, match=f"{twice.id} is in train and again in test"):
        check_ids("made-up", tmp_path, {"train": manifest, "test": [twice]})
    with pytest.raises(CorpusError, match="a is in train and again in train"):
        check_ids("made-up", tmp_path, {"train": [Utterance("a", "/x.wav", 1.0, "")] * 2, "test": manifest})


@given(st.lists(st.integers(-1, 10**6), max_size=20), st.sampled_from([[2, 2], [1, 2], [3, 1]]))
def test_lengths_of_many_are_those_of_one(samples: list[int], stride: list[int]) -> None:
    convolutions = [{"channels": 2, "stride": stride}, {"channels": 2, "stride": [2, 1]}]
    recipe = miniature.recipe(model__convolutions=convolutions)
    model = new_model(recipe.front_end, recipe.model, 5, seed=1)
    found = model.output_length(np.array(samples, np.int64))
    assert found.tolist() == [model.output_length(count) for count in samples]
