"""Records of format 1 are read with the keys of today; what no version knows is refused in one line."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import by_hand
import jsonschema
import pytest

from asr.errors import RunError
from asr.runs.formats import upgraded
from asr.runs.record import FORMAT, Record, read_record, read_tree, write_record

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = sorted((DOCS / "results").rglob("seed*.json"))


def old_trees() -> list[dict[str, Any]]:
    trees = [json.loads(path.read_text()) for path in RESULTS]
    return [tree for tree in trees if tree["format"] == 1]


def test_there_are_records_of_format_1() -> None:
    assert {tree["recipe"]["name"] for tree in old_trees()} >= {"an4", "digits", "fsdd", "yesno"}


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.relative_to(DOCS / "results").as_posix())
def test_committed_records_are_read(path: Path) -> None:
    tree, record = json.loads(path.read_text()), read_record(path)
    assert record.format == tree["format"]
    assert record.status == "complete"
    assert (
        record.results["test"].words.reference_length == tree["results"]["test"]["words"]["reference_length"]
    )
    assert record.corpus is not None
    if record.format == 1:
        assert (record.trail, record.outcomes, record.seal, record.numerics) == ([], {}, {}, None)
        assert record.corpus.waived == []
        assert {part.manifest for part in record.corpus.splits.values()} == {""}
        assert {session.processes for session in record.sessions} == {1}


@pytest.mark.parametrize(
    "tree", old_trees(), ids=lambda tree: f"{tree['recipe']['name']}-{tree['recipe']['seed']}"
)
def test_nothing_that_a_record_says_is_lost(tree: dict[str, Any]) -> None:
    """All keys are there with their values; speakers that parts share have moved."""
    before = copy.deepcopy(tree)
    found = json.loads(Record.model_validate_json(json.dumps(upgraded(tree))).model_dump_json())
    assert tree == before  # what is given is left alone
    shared = before["corpus"].pop("shared_speakers")
    assert found["corpus"]["shared"] == {"audio": [], "texts": [], "speakers": shared}
    assert holds(found, before)


def holds(found: Any, said: Any) -> bool:
    """Whether everything that is said is there; objects may have more keys."""
    if isinstance(said, dict):
        return isinstance(found, dict) and all(key in found and holds(found[key], said[key]) for key in said)
    if isinstance(said, list):
        return len(found) == len(said) and all(map(holds, found, said))
    return bool(found == said)


def test_shared_speakers_have_moved() -> None:
    tree = old_trees()[0]
    tree["corpus"]["shared_speakers"] = ["anna", "bert"]
    corpus = upgraded(tree)["corpus"]
    assert corpus["shared"]["speakers"] == ["anna", "bert"]
    assert "shared_speakers" not in corpus
    assert upgraded(upgraded(tree)) == upgraded(tree)


def test_a_record_of_before_it_had_a_corpus() -> None:
    """The first session was killed before the corpus was read."""
    tree = {**old_trees()[0], "corpus": None, "status": "running", "epochs": [], "model": None, "results": {}}
    record = Record.model_validate_json(json.dumps(upgraded(tree)))
    assert (record.corpus, record.status) == (None, "running")


def test_the_newest_format_is_left_alone(tmp_path: Path) -> None:
    made = write_record(tmp_path, by_hand.record())
    tree = read_tree(tmp_path / "record.json")
    assert tree["format"] == FORMAT == made.format
    assert upgraded(tree) is tree
    assert read_record(tmp_path) == read_record(tmp_path / "record.json") == made


def test_old_records_match_the_schema_of_their_format() -> None:
    schema = json.loads((DOCS / "record-1.schema.json").read_text())
    for tree in old_trees():
        jsonschema.validate(tree, schema)


def damaged(change: Callable[[dict[str, Any]], None], path: Path) -> Path:
    tree = old_trees()[0]
    change(tree)
    path.write_text(json.dumps(tree))
    return path


@pytest.mark.parametrize("value", [0, 3, 99, -1, "1", "2", None, [], {}, 1.5])
def test_formats_that_are_not_known(value: object, tmp_path: Path) -> None:
    path = damaged(lambda tree: tree.update(format=value), tmp_path / "future.json")
    with pytest.raises(RunError) as caught:
        read_record(path)
    assert (
        str(caught.value) == f"{path}: record format {value!r}; this version of Attest reads formats 1 to 2"
    )


def test_a_format_that_is_no_number_of_a_format(tmp_path: Path) -> None:
    """JSON's true is no 1."""
    for value in (True, 1.0):
        path = damaged(lambda tree, value=value: tree.update(format=value), tmp_path / "odd.json")  # type: ignore[misc]
        try:
            assert read_record(path).format == 1
        except RunError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda tree: tree.pop("status"), "status"),
        (lambda tree: tree.update(surprise=1), "surprise"),
        (lambda tree: tree["corpus"].pop("name"), "corpus.name"),
        (lambda tree: tree["corpus"].update(shared_speakers=7), "corpus.shared.speakers"),
        (lambda tree: tree["corpus"]["splits"].update(train=7), "corpus.splits.train"),
        (lambda tree: tree["corpus"].update(splits=7), "corpus.splits"),
        (lambda tree: tree.update(corpus=7), "corpus"),
        (lambda tree: tree["recipe"]["train"].update(epochs=0), "recipe.train.epochs"),
        (lambda tree: tree["results"]["test"].update(wer="low"), "results.test.wer"),
        (lambda tree: tree["results"]["test"].update(wer=float("nan")), "results.test.wer"),
    ],
)
def test_the_key_that_is_wrong_is_named(
    change: Callable[[dict[str, Any]], None], key: str, tmp_path: Path
) -> None:
    path = damaged(change, tmp_path / "damaged.json")
    with pytest.raises(RunError) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"{path}: key {key}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"7", b"null", b'"text"', b"[]"])
def test_what_is_no_record(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_no_record_here(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(
            RunError, match=r"no run here \(no record.json\); runs are made by `asr run RECIPE`"
        ):
            read_record(path)
