"""Deleting or altering anything in a run, one thing at a time, is found and named."""

import copy
import functools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import miniature
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asr.model.bundle
import asr.runs.run
import asr.training.checkpoint
from asr.claims.findings import Report, differences
from asr.claims.verify import verify
from asr.errors import RunError
from asr.runs.options import RunOptions
from asr.runs.seal import seal_of

Key = tuple[str | int, ...]

# What nothing but the seal vouches for: who seals a record again can write anything here.
SAID_ONLY = (
    "command",
    "trained_in",
    "environment.",
    "numerics.aten",
    "numerics.onednn",
    "numerics.mkl",
    "sessions.",
    "corpus.source",
    "corpus.synthetic",
    "corpus.maker",
    "corpus.lock",
    "corpus.left_out",
    "times.decoding",
    "trail.0.",  # of the trail, steps after which no checkpoint and no weights were kept
    "trail.2.",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of two epochs, which is not to be changed."""
    home = tmp_path_factory.mktemp("finished")
    corpus = miniature.write_corpus(home, train=16, test=4)
    options = RunOptions(corpus=corpus, out=home / "run", cache=home / "cache", check_lock=False)
    recipe = miniature.recipe(train__epochs=2, train__digest_every=2, train__keep_checkpoints=1)
    return asr.runs.run.run(recipe, options)[0]


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are read once, in tests that alter nothing but the record."""
    for module, name in ((asr.model.bundle, "load_bundle"), (asr.training.checkpoint, "read_tensors")):
        monkeypatch.setattr(module, name, functools.cache(getattr(module, name)))


def read(run: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((run / "record.json").read_text())
    return tree


def write(run: Path, tree: dict[str, Any]) -> None:
    (run / "record.json").write_text(json.dumps(tree))


def seal_again(tree: dict[str, Any]) -> None:
    tree["seal"] = seal_of(tree)


def named(report: Report) -> set[str]:
    """What is missing or altered."""
    return {finding.what for finding in report.findings if not finding.remark}


def nodes(tree: Any, key: Key = ()) -> Iterator[Key]:
    """Every place in a tree; of many alike the first and the last."""
    if key:
        yield key
    if isinstance(tree, dict):
        names = list(tree)
        alike = (key[:1] == ("outcomes",) and len(key) == 2) or key[-1:] == ("gradient_norms",)
        for name in names if not alike else names[:1] + names[-1:]:
            yield from nodes(tree[name], (*key, name))
    elif isinstance(tree, list):
        for row in sorted({0, len(tree) - 1} & set(range(len(tree)))):
            yield from nodes(tree[row], (*key, row))


def place(tree: Any, key: Key) -> Any:
    for part in key:
        tree = tree[part]
    return tree


def dotted(key: Key) -> str:
    return ".".join(map(str, key))


def altered(value: Any) -> Any:
    """Another value of the same type, so that the schema alone does not find it."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case None:
            return 1
        case str() if len(value) >= 16 and set(value) <= set("0123456789abcdef"):
            return ("1" if value[0] == "0" else "0") + value[1:]
        case str():
            return value + "x"
        case []:
            return ["x"]
        case list():
            return value[:-1]
    return {"x": 1}


def is_named(key: Key, names: set[str]) -> bool:
    """The key itself, or the part of the record that it is in and that was sealed as one."""
    if key[0] == "seal" and key[1:]:
        return dotted(key[1:]) in names
    return any(dotted(key) == name or dotted(key).startswith(f"{name}.") for name in names)


def unnoticed(run: Path, change: Callable[[dict[str, Any], Key], None], keys: list[Key]) -> list[str]:
    """Which changes are not found, or not named."""
    whole, missed = (run / "record.json").read_text(), []
    for key in keys:
        tree = json.loads(whole)
        change(tree, key)
        write(run, tree)
        try:
            names = named(verify(run))
        except RunError as error:
            names = {"format"} if "record format" in str(error) else set()
        if not is_named(key, names):
            missed.append(f"{dotted(key)}: {sorted(names)}")
    return missed


def test_a_finished_run_is_verified(finished: Path) -> None:
    report = verify(finished, decode=True, audio=True)
    assert named(report) == set()
    assert {check.name: check.outcome for check in report.checks if check.outcome != "ok"} == {
        "lock": "remark"
    }
    assert report.verdict == "verified"


def test_everything_deleted_from_the_record_is_named(run: Path, quick: None) -> None:
    keys = list(nodes(read(run)))
    assert len(keys) > 400

    def delete(tree: dict[str, Any], key: Key) -> None:
        del place(tree, key[:-1])[key[-1]]

    assert unnoticed(run, delete, keys) == []


def test_a_deleted_field_is_named_to_the_letter(run: Path, quick: None) -> None:
    """Not only the part that it is in."""
    whole = read(run)
    for key in (
        ("seal",),
        ("trail",),
        ("numerics", "mkl"),
        ("sessions", 0, "differs"),
        ("recipe", "train", "digest_every"),
        ("recipe", "model", "convolutions", 0, "kernel"),
        ("environment", "packages", "torch"),
        ("corpus", "splits", "dev", "manifest"),
        ("epochs", 1, "dev", "words", "hits"),
        ("epochs", 0, "gradient_norms", "projection"),
        ("outcomes", "test", "an0-emil-b", "characters"),
        ("outcomes", "test"),
        ("files", "model/model.json"),
    ):
        tree = copy.deepcopy(whole)
        del place(tree, key[:-1])[key[-1]]
        write(run, tree)
        assert dotted(key) in named(verify(run)), key


def test_everything_altered_in_the_record_is_named(run: Path, quick: None) -> None:
    whole = read(run)
    keys = [key for key in nodes(whole) if not isinstance(place(whole, key), dict) or not place(whole, key)]
    assert len(keys) > 350

    def change(tree: dict[str, Any], key: Key) -> None:
        place(tree, key[:-1])[key[-1]] = altered(place(tree, key))

    assert unnoticed(run, change, keys) == []


def test_who_seals_a_record_again_is_found_by_what_it_contradicts(run: Path, quick: None) -> None:
    """Each value that is altered contradicts another place of the run, but for those that are only said."""
    whole = read(run)
    keys = [
        key
        for key in nodes(whole)
        if not isinstance(place(whole, key), dict)
        and key[0] != "seal"
        and not dotted(key).startswith(SAID_ONLY)
    ]
    assert len(keys) > 200

    def change(tree: dict[str, Any], key: Key) -> None:
        place(tree, key[:-1])[key[-1]] = altered(place(tree, key))
        seal_again(tree)

    missed = []
    for key in keys:
        tree = copy.deepcopy(whole)
        change(tree, key)
        write(run, tree)
        try:
            if not named(verify(run)):
                missed.append(dotted(key))
        except RunError as error:
            assert "record format 3" in str(error)
    assert missed == []


@given(data=st.data())
def test_no_record_is_too_broken_for_a_verdict(data: st.DataObject, finished: Path) -> None:
    """Whatever stands in the place of a value: findings, never a traceback."""
    whole = read(finished)
    values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
    tree = copy.deepcopy(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from(list(nodes(tree))))
        place(tree, key[:-1])[key[-1]] = data.draw(values)
    if tree.get("format") not in (1, 2):
        return
    alone = finished.parent / "fuzzed"
    alone.mkdir(exist_ok=True)
    for folder in (alone, alone / "record.json"):
        write(alone, tree)
        report = verify(folder)
        same = not any(differences(tree, whole))
        assert same or named(report)
