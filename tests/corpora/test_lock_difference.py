"""A corpus that is not that of its lock: which utterances, and in what."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.corpora.lock import SplitLock, split_lock
from asr.corpora.lock_difference import Difference, check_lock, describe, differences
from asr.errors import CorpusError
from asr.manifest import Utterance

# Few names and few contents, so that copies, renamings and moves occur by themselves.
identities = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["X", "Y", "Z"]), max_size=5)
corpora = st.fixed_dictionaries({"train": identities, "test": identities})
Corpus = dict[str, dict[str, str]]


@given(corpora, corpora)
def test_there_is_a_difference_where_contents_differ(found: Corpus, expected: Corpus) -> None:
    """By brute force: names do not count, copies do."""
    same = all(Counter(found[split].values()) == Counter(expected[split].values()) for split in found)
    assert (differences(found, expected) == {}) == same


@given(corpora, corpora)
def test_every_utterance_is_accounted_for(found: Corpus, expected: Corpus) -> None:
    named = differences(found, expected)
    left = Counter(origin for difference in named.values() for origin in difference.moved.values())
    for split in found:
        difference = named.get(split, Difference())
        stayed = len(expected[split]) - len(difference.missing) - left[split]
        assert len(found[split]) == stayed + len(difference.additional) + len(difference.moved)
        names = [*difference.changed, *difference.additional, *difference.moved]
        assert len(names) == len(set(names))
        assert set(names) <= found[split].keys()
        assert {*difference.changed, *difference.missing} <= expected[split].keys()
        assert all(found[split][name] != expected[split][name] for name in difference.changed)
        for name, origin in difference.moved.items():
            assert origin != split
            assert found[split][name] in expected[origin].values()


@given(corpora, st.permutations("abcdef"))
def test_names_and_order_are_no_difference(corpus: Corpus, names: list[str]) -> None:
    other = {
        split: {names["abcdef".index(name)]: content for name, content in reversed(part.items())}
        for split, part in corpus.items()
    }
    assert differences(other, corpus) == {}


@given(corpora.filter(lambda corpus: corpus["train"]), st.data())
def test_one_new_content_is_named(corpus: Corpus, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(corpus["train"])))
    changed = {**corpus, "train": {**corpus["train"], name: "NEW"}}
    assert differences(changed, corpus) == {"train": Difference(changed=[name])}


@given(corpora.filter(lambda corpus: corpus["train"]), st.data())
def test_one_moved_utterance_is_named(corpus: Corpus, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(corpus["train"])))
    corpus["train"][name] = "MINE"
    train = {key: content for key, content in corpus["train"].items() if key != name}
    moved = {"train": train, "test": {**corpus["test"], "new": "MINE"}}
    assert differences(moved, corpus) == {"test": Difference(moved={"new": "train"})}


def test_copy_under_its_own_name_stays() -> None:
    """Of two copies the one that the lock does not name is the additional one, whatever their order."""
    for extra in "az":
        assert differences({"train": {extra: "X", "m": "X"}}, {"train": {"m": "X"}}) == {
            "train": Difference(additional=[extra])
        }


def test_copies_that_were_swapped_between_parts_have_not_changed() -> None:
    assert differences(
        {"train": {"a": "Y"}, "test": {"b": "X"}}, {"train": {"a": "X"}, "test": {"b": "Y"}}
    ) == {
        "train": Difference(moved={"a": "test"}),
        "test": Difference(moved={"b": "train"}),
    }


def locked(**parts: str) -> dict[str, SplitLock]:
    """A word is an utterance `NAME` or `NAME=CONTENT`, each of one second."""
    result = {}
    for split, words in parts.items():
        pairs = [(word.partition("=")[0], word.partition("=")[2] or word) for word in words.split()]
        utterances = [
            Utterance(name, "x.wav", 1.0, "", digest=content.encode().hex().ljust(64, "0"))
            for name, content in pairs
        ]
        result[split] = split_lock(utterances)
    return result


def unnamed(locks: dict[str, SplitLock]) -> dict[str, SplitLock]:
    return {split: replace(lock, identities=None) for split, lock in locks.items()}


def test_words() -> None:
    lock = locked(train="a b c d e", test="x y")
    assert describe(lock, lock) == ""
    found = locked(train="a renamed=b c=other y f", test="x d")
    assert describe(found, lock) == (
        "test: 1 moved here from train: d, 1 moved to train: y; "
        "train: 1 changed (samples, sample rate, words or speaker): c, 1 missing: e, 1 additional: f, "
        "1 moved here from test: y, 1 moved to test: d"
    )


def test_first_ten_and_how_many_more() -> None:
    lock = locked(train=" ".join(f"u{n:02}" for n in range(14)))
    found = locked(train="u00 u01")
    assert describe(found, lock) == (
        "train: 2 utterances instead of 14, 2.000 seconds instead of 14.000, 12 missing: "
        "u02, u03, u04, u05, u06, u07, u08, u09, u10, u11 and 2 more"
    )


def test_whole_parts() -> None:
    assert describe(locked(train="a", more="b"), locked(train="a", dev="d")) == (
        "dev: the whole part is missing, 1 missing: d; more: no such part in the lock, 1 additional: b"
    )


def test_lock_with_a_digest_only() -> None:
    """What it says, and where the identities of the utterances are."""
    lock = unnamed(
        {
            "dev": SplitLock(1, 1.0, "d" * 64),
            "test": SplitLock(130, 357.0, "a" * 64),
            "train": SplitLock(948, 2546.3, "b" * 64),
        }
    )
    found = {
        "extra": SplitLock(1, 1.0, "d" * 64, {"u": "d" * 16}),
        "test": SplitLock(130, 357.0, "c" * 64, {}),
        "train": SplitLock(947, 2540.0, "e" * 64, {}),
    }
    assert describe(found, lock) == (
        "dev: the whole part is missing; extra: no such part in the lock; "
        "test: as many utterances and seconds, but other samples, words or speakers "
        "(digest cccccccccccc instead of aaaaaaaaaaaa); "
        "train: 947 utterances instead of 948, 2540.000 seconds instead of 2546.300 "
        "(digest eeeeeeeeeeee instead of bbbbbbbbbbbb); "
        "which utterances cannot be told, as the lock has one digest for all of them; a run on the right corpus has "
        "the digest of each in its manifests/"
    )
    assert describe(found, unnamed(found)) == ""


def test_lock_that_was_edited() -> None:
    lock = locked(train="a b")
    edited = {"train": replace(lock["train"], digest="0" * 64)}
    assert describe(lock, edited).endswith("was the lock file edited?")


def test_error() -> None:
    check_lock("mine", locked(train="a"), locked(train="other=a"), "corpus.lock.json", "Do this.")
    with pytest.raises(CorpusError) as caught:
        check_lock("mine", locked(train="a"), locked(train="a=b"), "corpus.lock.json", "Do this.")
    assert str(caught.value) == (
        "mine: not the corpus of corpus.lock.json: train: 1 changed (samples, sample rate, words or speaker): a. "
        "Do this."
    )
