"""Records that are old, unfinished, contradictory, or not records."""

import json
import shutil
from pathlib import Path
from typing import Any

import miniature
import pytest
from tampering import Change, change_record, codes, outcomes, remarks

import asr.runs.run
from asr.claims.findings import NOTHING, brief, differences
from asr.claims.verify import verify
from asr.errors import RunError
from asr.runs.options import RunOptions
from asr.runs.seal import canonical_digest
from asr.training.reports import Interrupted
from asr.tuning.verify import verify_study

RESULTS = sorted((Path(__file__).resolve().parents[2] / "docs" / "results").rglob("*.json"))
STUDIES = [path for path in RESULTS if path.name == "study.json"]


def test_a_record_by_itself(alone: Path) -> None:
    """What lies beside it is not its own, even under the names of a run."""
    (alone.parent / "recipe.toml").write_text("of something else")
    report = verify(alone, decode=True, audio=True)
    assert report.verdict == "verified"
    made = {name for name, outcome in outcomes(report).items() if outcome != "not checked"}
    record_alone = "keys status seal recipe counts outcomes interval training trail search corpus lock"
    assert made == set(record_alone.split())
    reasons = {check.skipped for check in report.checks if check.outcome == "not checked"}
    assert reasons == {"a record by itself; give the run folder"}


@pytest.mark.parametrize(
    "record", sorted({*RESULTS} - {*STUDIES}), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_published_records(record: Path) -> None:
    assert verify(record).verdict == "verified"


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.parent.name)
def test_published_studies(study: Path) -> None:
    """With all that they have published: their values are suggested again, trial by trial."""
    report = verify_study(study.parent)
    assert {check.outcome for check in report.checks} == {"ok"}


def test_a_recipe_of_an_older_version_keeps_its_digest(alone: Path) -> None:
    """It lacks a key that recipes have today; its digest is over what it has."""
    report = verify(change_record(alone, lambda tree: tree["recipe"]["score"].pop("margin")))
    assert report.verdict == "verified"
    change_record(alone, lambda tree: tree["recipe"]["train"].pop("clip"), seal=False)
    found = codes(verify(alone))
    assert found["recipe.train.clip"] == "missing"
    assert found["recipe"] == "altered"


def test_another_numpy_may_draw_otherwise(alone: Path) -> None:
    def alter(tree: dict[str, Any]) -> None:
        tree["environment"]["packages"]["numpy"] = "9.9.9"
        tree["results"]["test"]["wer_interval_95"] = [0.0, 1.0]

    report = verify(change_record(alone, alter))
    assert codes(report) == {}
    assert remarks(report)["results.test.wer_interval_95"] == "other-version"
    assert outcomes(report)["interval"] == "remark"


def test_another_corpus_than_that_of_our_lock_file_is_remarked(trained: tuple[Path, Path]) -> None:
    report = verify(trained[1])
    assert remarks(report) == {
        "corpus.identity.train": "other-corpus",
        "corpus.identity.test": "other-corpus",
    }
    assert report.verdict == "verified"


def test_a_folder_that_is_called_as_another_recipe(trained: tuple[Path, Path], tmp_path: Path) -> None:
    digest = json.loads((trained[1] / "record.json").read_text())["recipe_digest"]
    for name, expected in ((digest[:8], False), ("0123abcd", True)):
        folder = tmp_path / f"miniature-s1-{name}"
        shutil.copytree(trained[1], folder)
        assert ("recipe_digest" in remarks(verify(folder))) == expected


def test_an_interrupted_run_claims_nothing(tmp_path: Path) -> None:
    corpus = miniature.write_corpus(tmp_path, train=16, test=4)
    out = tmp_path / "run"
    options = RunOptions(corpus=corpus, out=out, cache=tmp_path / "cache", check_lock=False, last_step=2)
    with pytest.raises(Interrupted):
        asr.runs.run.run(miniature.recipe(), options)
    report = verify(out)
    assert (report.verdict, codes(report)) == ("incomplete", {"status": "incomplete"})
    assert outcomes(report)["recipe"] == outcomes(report)["recipe.toml"] == "ok"
    change_record(out / "record.json", lambda tree: tree["recipe"]["train"].update(epochs=99), seal=False)
    assert verify(out).verdict == "failed"


def test_a_key_given_twice(alone: Path) -> None:
    """Programs differ in which of the two they take."""
    text = alone.read_text()
    alone.write_text(text.replace('"status": "complete",', '"status": "running", "status": "complete",', 1))
    assert codes(verify(alone)) == {"status": "duplicate"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_json_cannot_hold(alone: Path, number: str) -> None:
    tree = json.loads(alone.read_text())
    decoding = json.dumps(tree["times"]["decoding"])
    alone.write_text(alone.read_text().replace(decoding, number))
    found = codes(verify(alone))
    assert found[number] == "invalid"
    assert "times.decoding" in found


OLD: list[tuple[Change, str]] = [
    (lambda tree: tree["results"]["test"].update(wer=0.1), "results.test.wer"),
    (lambda tree: tree["recipe"]["train"].update(epochs=7), "recipe"),
    (lambda tree: tree.update(seal={}), "format"),
    (lambda tree: tree["corpus"].update(waived=[]), "format"),
    (lambda tree: tree["corpus"].pop("shared_speakers"), "corpus.shared_speakers"),
    (lambda tree: tree["corpus"].pop("identity"), "corpus.identity"),
    (lambda tree: tree.pop("epochs"), "epochs"),
    (lambda tree: tree.update(model=None), "model"),
    (lambda tree: tree["files"].pop("model/model.json"), "files.model/model.json"),
    (lambda tree: tree["model"].update(best_epoch=1), "model.best_epoch"),
    (lambda tree: tree["corpus"]["splits"].update(dev="nothing"), "corpus.splits.dev"),
]


@pytest.fixture
def old(alone: Path) -> Path:
    """A record of format 1, as they were."""

    def downgrade(tree: dict[str, Any]) -> None:
        for key in ("numerics", "trail", "outcomes", "checkpoints", "seal"):
            del tree[key]
        del tree["recipe"]["numerics"], tree["recipe"]["corpus"]["waive"], tree["recipe"]["score"]["margin"]
        del tree["sessions"][0]["processes"], tree["environment"]["libc"], tree["corpus"]["waived"]
        tree["corpus"]["shared_speakers"] = tree["corpus"].pop("shared")["speakers"]
        for part in tree["corpus"]["splits"].values():
            del part["manifest"]
        tree.update(format=1, recipe_digest=canonical_digest(tree["recipe"]))

    return change_record(alone, downgrade, seal=False)


def test_an_old_record_is_checked_as_far_as_it_goes(old: Path) -> None:
    report = verify(old)
    assert report.verdict == "verified"
    absent = {
        check.name for check in report.checks if check.skipped == "a record of format 1 does not hold it"
    }
    assert absent == {"seal", "outcomes", "interval", "trail", "checkpoints", "states"}


@pytest.mark.parametrize(("alter", "expected"), OLD)
def test_an_old_record_that_was_altered(old: Path, alter: Change, expected: str) -> None:
    assert expected in codes(verify(change_record(old, alter, seal=False)))


@pytest.mark.parametrize(
    "contents",
    ["", "{", "[]", "null", "{}", '{"format": 3}', '{"format": "2"}', "[" * 100_000, '{"format": null}'],
)
def test_what_is_no_record(tmp_path: Path, contents: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(contents)
    for given in (path, tmp_path):
        with pytest.raises(RunError, match=r"record\.json: "):
            verify(given)


def test_no_record_at_all(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run here"):
        verify(tmp_path)


@pytest.mark.parametrize(
    ("found", "expected", "where"),
    [
        (1, 1.0, []),
        (1, True, [""]),
        ({"a": 1}, {"a": 1, "b": None}, ["b"]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3, 4]}}, ["a.b.1", "a.b.2"]),
        ([], {}, [""]),
        ("1", 1, [""]),
    ],
)
def test_differences(found: object, expected: object, where: list[str]) -> None:
    assert [key for key, *_ in differences(found, expected)] == where


def test_values_in_messages_are_short() -> None:
    assert brief("ab" * 32) == "abababababab…"
    assert brief(NOTHING) == "nothing"
    assert len(brief(list(range(1000)))) == 80
