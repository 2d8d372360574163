"""Records that are old, unfinished, contradictory, or not records."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import miniature
import pytest

import asr.runs.environment
import asr.runs.run
from asr.claims.findings import NOTHING, Report, brief, differences
from asr.claims.verify import verify
from asr.errors import RunError
from asr.runs.options import RunOptions
from asr.runs.seal import canonical_digest, seal_of
from asr.training.reports import Interrupted

RESULTS = sorted((Path(__file__).resolve().parents[2] / "docs" / "results").rglob("*.json"))
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is not to be changed."""
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture
def alone(finished: Path, tmp_path: Path) -> Path:
    """Its record by itself."""
    return Path(shutil.copy(finished / "record.json", tmp_path / "published.json"))


def change(record: Path, alter: Change, *, seal: bool = True) -> Path:
    tree = json.loads(record.read_text())
    alter(tree)
    if seal:
        tree["recipe_digest"] = canonical_digest(tree["recipe"])
        tree["seal"] = seal_of(tree)
    record.write_text(json.dumps(tree))
    return record


def codes(report: Report) -> dict[str, str]:
    return {finding.what: finding.code for finding in report.findings if not finding.remark}


def remarks(report: Report) -> dict[str, str]:
    return {finding.what: finding.code for finding in report.findings if finding.remark}


def outcomes(report: Report) -> dict[str, str]:
    return {check.name: check.outcome for check in report.checks}


def test_a_record_by_itself(alone: Path) -> None:
    """What lies beside it is not its own, even under the names of a run."""
    (alone.parent / "recipe.toml").write_text("of something else")
    report = verify(alone, decode=True, audio=True)
    assert report.verdict == "verified"
    made = {name for name, outcome in outcomes(report).items() if outcome != "not checked"}
    assert made == {
        *(
            "keys",
            "status",
            "seal",
            "recipe",
            "counts",
            "outcomes",
            "interval",
            "training",
            "trail",
            "corpus",
            "lock",
        )
    }
    reasons = {check.skipped for check in report.checks if check.outcome == "not checked"}
    assert reasons == {"a record by itself; give the run folder"}


@pytest.mark.parametrize("record", RESULTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_published_records(record: Path) -> None:
    assert verify(record).verdict == "verified"


# Each alteration contradicts the record itself; whoever made it has renewed every digest.
CONTRADICTIONS: list[tuple[Change, set[str]]] = [
    (lambda tree: tree["results"]["test"]["words"].update(hits=99), {"results.test.words.reference_length"}),
    (lambda tree: tree["results"]["test"].update(wer=0.123), {"results.test.wer"}),
    (lambda tree: tree["results"]["dev"].update(ser=0.5), {"results.dev.ser"}),
    (
        lambda tree: tree["results"]["test"].update(wer_interval_95=[0.9, 1.0]),
        {"results.test.wer_interval_95"},
    ),
    (
        lambda tree: tree["results"]["test"].update(wer_interval_95=[0.2, 0.1]),
        {"results.test.wer_interval_95"},
    ),
    (lambda tree: tree["results"]["test"].update(sentences=7), {"results.test.sentences", "outcomes.test"}),
    (lambda tree: tree["outcomes"]["test"]["an0-emil-b"].update(errors=2), {"outcomes.test.*.errors"}),
    (lambda tree: tree["outcomes"]["test"]["an0-emil-b"].update(words=-1), {"outcomes.test.an0-emil-b"}),
    (lambda tree: tree["outcomes"]["test"].pop("an0-emil-b"), {"outcomes.test", "outcomes.test.*.words"}),
    (lambda tree: tree["epochs"][3].update(epoch=3), {"epochs.3.epoch"}),
    (lambda tree: tree["epochs"][0].update(best=False), {"epochs.0.best"}),
    (lambda tree: tree["epochs"][0].update(clipped=1.5), {"epochs.0"}),
    (lambda tree: tree["epochs"][0]["gradient_norms"].pop("output"), {"epochs.0.gradient_norms.output"}),
    (lambda tree: tree["epochs"].pop(), {"epochs", "model.steps"}),
    (
        lambda tree: tree["epochs"][2]["dev"]["words"].update(deletions=99),
        {"epochs.2.dev.words.reference_length"},
    ),
    (lambda tree: tree["model"].update(steps=1), {"model.steps", "trail.16.step"}),
    (lambda tree: tree["model"].update(best_epoch=1), {"model.best_epoch", "model.weights_digest"}),
    (lambda tree: tree["model"].update(weights_digest="0" * 64), {"model.weights_digest"}),
    (lambda tree: tree["trail"].pop(0), {"trail.0.step", "trail"}),
    (lambda tree: tree["trail"].pop(5), {"trail.5.heard", "trail.5.loss", "trail.5.gradient", "trail"}),
    (lambda tree: tree["trail"][5].update(step=0), {"trail.5.step"}),
    (lambda tree: tree["trail"][5].update(loss="12"), {"trail.5.loss"}),
    (lambda tree: tree["trail"][5].update(cursor="g" * 64), {"trail.5.cursor"}),
    (lambda tree: tree["times"].update(training=1e9), {"times.training"}),
    (lambda tree: tree["times"].update(real_time_factor=1.0), {"times.real_time_factor"}),
    (lambda tree: tree["sessions"][0].update(finished=""), {"sessions.0.finished"}),
    (lambda tree: tree["sessions"][0].update(started="2999-01-01T00:00:00+00:00"), {"sessions.0.finished"}),
    (lambda tree: tree["numerics"].update(gradient_sum="float32"), {"numerics.gradient_sum"}),
    (lambda tree: tree["numerics"].update(determinism="off"), {"numerics.determinism"}),
    (lambda tree: tree["recipe"]["train"].update(digest_every=9), {"trail"}),
    (lambda tree: tree["corpus"]["identity"].update(test="0" * 64), {"corpus.identity.test"}),
    (lambda tree: tree["corpus"].update(name="digits"), {"corpus.name"}),
    (lambda tree: tree["corpus"].update(waived=[]), {"corpus.waived", "corpus.shared.texts"}),
    (lambda tree: tree["corpus"]["splits"].pop("dev"), {"corpus.splits.dev"}),
    (lambda tree: tree["results"].pop("test"), {"results.test"}),
    (lambda tree: tree.update(trail=[]), {"trail"}),
    (lambda tree: tree.update(numerics=None), {"numerics"}),
    (lambda tree: tree["environment"]["packages"].pop("numpy"), {"environment.packages.numpy"}),
    (lambda tree: tree.update(surprise=1), {"surprise"}),
    (lambda tree: tree["recipe"]["train"].update(epochs="14"), {"recipe.train.epochs"}),
    (lambda tree: tree.update(status="running"), {"status"}),
    (lambda tree: tree.update(format=1), {"format"}),
]


@pytest.mark.parametrize(("alter", "expected"), CONTRADICTIONS)
def test_a_record_that_contradicts_itself(alone: Path, alter: Change, expected: set[str]) -> None:
    report = verify(change(alone, alter))
    assert expected <= set(codes(report))
    assert report.verdict == "failed"


def test_the_development_result_of_other_weights(alone: Path) -> None:
    """A record that gives the last epoch's result as that of the best."""

    def alter(tree: dict[str, Any]) -> None:
        tree["results"]["dev"] = tree["epochs"][0]["dev"]

    assert "results.dev.words.hits" in codes(verify(change(alone, alter)))


def test_a_recipe_of_an_older_version_keeps_its_digest(alone: Path) -> None:
    """It lacks a key that recipes have today; its digest is over what it has."""
    report = verify(change(alone, lambda tree: tree["recipe"]["score"].pop("margin")))
    assert report.verdict == "verified"
    change(alone, lambda tree: tree["recipe"]["train"].pop("clip"), seal=False)
    found = codes(verify(alone))
    assert found["recipe.train.clip"] == "missing"
    assert found["recipe"] == "altered"


def test_another_numpy_may_draw_otherwise(alone: Path) -> None:
    def alter(tree: dict[str, Any]) -> None:
        tree["environment"]["packages"]["numpy"] = "9.9.9"
        tree["results"]["test"]["wer_interval_95"] = [0.0, 1.0]

    report = verify(change(alone, alter))
    assert codes(report) == {}
    assert remarks(report)["results.test.wer_interval_95"] == "other-version"
    assert outcomes(report)["interval"] == "remark"


def test_another_corpus_than_that_of_our_lock_file_is_remarked(finished: Path) -> None:
    report = verify(finished)
    assert remarks(report) == {
        "corpus.identity.train": "other-corpus",
        "corpus.identity.test": "other-corpus",
    }
    assert report.verdict == "verified"


def test_a_folder_that_is_called_as_another_recipe(finished: Path, tmp_path: Path) -> None:
    digest = json.loads((finished / "record.json").read_text())["recipe_digest"]
    for name, expected in ((digest[:8], False), ("0123abcd", True)):
        folder = tmp_path / f"miniature-s1-{name}"
        shutil.copytree(finished, folder)
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
    change(out / "record.json", lambda tree: tree["recipe"]["train"].update(epochs=99), seal=False)
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

    return change(alone, downgrade, seal=False)


def test_an_old_record_is_checked_as_far_as_it_goes(old: Path) -> None:
    report = verify(old)
    assert report.verdict == "verified"
    absent = {
        check.name for check in report.checks if check.skipped == "a record of format 1 does not hold it"
    }
    assert absent == {"seal", "outcomes", "interval", "trail", "checkpoints", "states"}


@pytest.mark.parametrize(("alter", "expected"), OLD)
def test_an_old_record_that_was_altered(old: Path, alter: Change, expected: str) -> None:
    assert expected in codes(verify(change(old, alter, seal=False)))


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
