"""A run with a search: whatever is altered, missing or other than the recipe asks for is found and named."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from searched import finished
from tampering import Change, change_record, codes, list_again, outcomes

from asr.claims.verify import verify
from asr.cli.main import main
from asr.scoring import count_errors


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.getbasetemp() / "searched")


@pytest.fixture
def run(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "run"))


def test_all_is_right_also_when_it_is_searched_again(run: Path) -> None:
    report = verify(run, decode=True)
    assert report.verdict == "verified", codes(report)
    made = outcomes(report)
    assert made["search"] == made["decoder"] == made["transcripts"] == "ok"


def put(*key: str | int, value: Any) -> Change:
    """Puts a value into search.KEY."""

    def alter(tree: dict[str, Any]) -> None:
        place: Any = tree["search"]
        for name in key[:-1]:
            place = place[name]
        place[key[-1]] = value

    return alter


@pytest.mark.parametrize(
    ("alter", "what"),
    [
        (put("settings", "lm_weight", value=0.25), "search.settings.lm_weight"),
        (put("settings", "beam", value=9), "search.settings.beam"),
        (put("settings", "unknown_score", value=-1.0), "search.settings.unknown_score"),
        (put("settings", "engine", value="flashlight"), "search.settings.engine"),
        (put("surface", value=[]), "search.surface"),
        (put("surface", 0, "lm_weight", value=7.0), "search.surface"),
        (put("surface", 0, "expected_errors", value=7.0), "search.surface.0.expected_errors"),
        (
            lambda tree: tree["recipe"]["decoder"].update(tune_by="expected"),
            "search.surface.0.expected_errors",
        ),
        (put("language_model", value=None), "search.language_model"),
        (put("language_model", "source", value="train"), "search.language_model.source"),
        (put("language_model", "sha256", value="0" * 64), "search.language_model.sha256"),
        (put("language_model", "ngrams", value=[1, 1]), "search.language_model.ngrams"),
        (put("lexicon", "open", value=True), "search.lexicon.open"),
        (put("lexicon", "sha256", value="0" * 64), "search.lexicon.sha256"),
        (put("lexicon", "words", value=4), "search.lexicon.words"),
        (put("lexicon", "missing", "test", value=9), "search.lexicon.missing.test"),
        (put("lexicon", "left_out", value=1), "search.lexicon.left_out"),
        (put("priors", 1, value=0.5), "search.priors.1"),
        (put("results", "test", "wer", value=0.5), "search.results.test.wer"),
        (put("results", "dev", "wer_interval_95", value=[0.0, 1.0]), "search.results.dev.wer_interval_95"),
        (lambda tree: tree.update(named_files={}), "named_files"),
        (lambda tree: tree.update(search=None), "search"),
    ],
)
def test_a_record_that_was_altered_and_sealed_again(run: Path, alter: Change, what: str) -> None:
    change_record(run / "record.json", alter)
    found = codes(verify(run))
    assert what in found, found


def test_a_better_point_that_was_not_chosen(run: Path) -> None:
    def alter(tree: dict[str, Any]) -> None:
        used, surface = tree["search"]["settings"], tree["search"]["surface"]
        names = ("lm_weight", "word_score", "prior_weight", "beam")
        other = next(point for point in surface if any(point[name] != used[name] for name in names))
        for point in surface:
            point["word_errors"] += 1
        other["word_errors"] = 0

    change_record(run / "record.json", alter)
    assert any(what.startswith("search.settings.") for what in codes(verify(run)))


def test_records_from_before_there_were_two_rules(run: Path) -> None:
    """What they do not say is that the fewest errors chose, as they did."""

    def alter(tree: dict[str, Any]) -> None:
        del tree["recipe"]["decoder"]["tune_by"]
        for point in tree["search"]["surface"]:
            del point["expected_errors"]

    alone = run.parent / "old.json"
    shutil.copy(run / "record.json", alone)
    change_record(alone, alter)
    assert codes(verify(alone)) == {}


def test_a_transcript_of_the_search_that_was_altered(run: Path) -> None:
    path = run / "hypotheses" / "test-search.jsonl"
    first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    tree = json.loads(first)
    tree["hypothesis"] = f"{tree['hypothesis']} no".strip()
    tree["errors"] = asdict(count_errors(tree["reference"], tree["hypothesis"]))
    path.write_text(json.dumps(tree) + "\n" + "".join(rest), encoding="utf-8")
    assert codes(verify(run))["hypotheses/test-search.jsonl"] == "altered"
    list_again(run, "hypotheses/test-search.jsonl")
    found = verify(run, decode=True)
    assert codes(found)[f"hypotheses/test-search.jsonl: {tree['id']}"] == "other-transcript"
    assert outcomes(found)["hypotheses"] == "failed"


@pytest.mark.parametrize("name", ["decoder.json", "language_model.arpa.gz", "lexicon.txt"])
def test_a_part_of_the_decoder_that_is_gone(run: Path, name: str) -> None:
    (run / "model" / name).unlink()
    found = codes(verify(run))
    assert found[f"model/{name}"] in ("missing", "invalid")  # by its digest, and as a part of the decoder
    assert found["model/decoder.json"] == "invalid"


def test_files_that_the_record_does_not_list(run: Path) -> None:
    def alter(tree: dict[str, Any]) -> None:
        del tree["files"]["hypotheses/test-search.jsonl"]

    change_record(run / "record.json", alter)
    found = codes(verify(run))
    assert found["files.hypotheses/test-search.jsonl"] == "missing"


def test_records_from_before_the_search_are_whole(run: Path, base: Path) -> None:
    """Keys that came later than their format may be missing; the seal knows whether they were there."""

    def alter(tree: dict[str, Any]) -> None:
        del tree["search"], tree["named_files"], tree["recipe"]["decoder"]

    alone = run.parent / "old.json"
    shutil.copy(base / "record.json", alone)
    change_record(alone, alter)
    assert codes(verify(alone)) == {}
    shutil.copy(base / "record.json", alone)
    change_record(alone, alter, seal=False)
    assert codes(verify(alone))["search.settings"] == "missing"


# ---- for people


def test_show_prints_both_rows_and_the_surface(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(base)]) == 0
    shown = capsys.readouterr().out
    assert "miniature test: WER" in shown and "miniature test + search: WER" in shown
    assert "2-gram of words, of lm/text.txt (4 sentences)" in shown
    assert main(["show", str(base), "--decoder"]) == 0
    surface = capsys.readouterr().out
    assert surface.count("word (character) errors on dev") == 2  # two weights of priors
    assert surface.count("* ") == 2  # the chosen one, and what the star means


def test_show_of_a_run_without_one(trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(trained[1]), "--decoder"]) == 1
    assert "this run has no search" in capsys.readouterr().err


def test_the_crate_tells_of_it(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "crate"
    assert main(["crate", str(base), "--out", str(out), "--license", "CC0-1.0"]) == 0
    capsys.readouterr()
    graph = {item["@id"]: item for item in json.loads((out / "ro-crate-metadata.json").read_text())["@graph"]}
    assert graph["model/language_model.arpa.gz"]["encodingFormat"] == "application/gzip"
    assert "#word-error-rate-test-search" in graph
    assert (
        "a beam search with a 2-gram model of lm/text.txt and a closed lexicon of"
        in graph["./"]["description"]
    )
    assert verify(out).verdict == "verified"
