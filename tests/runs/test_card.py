"""The model card of a run: its numbers are the record's, and it is one of the files that the record lists."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import miniature
import pytest

from asr.claims.verify import verify
from asr.files import sha256_file
from asr.model.contents import bundle_sources, contents_of
from asr.runs.card import model_card
from asr.runs.record import Record, read_record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="module")
def record(run: Path) -> Record:
    return read_record(run)


def front_matter(card: str) -> dict[str, Any]:
    """Each line is a key and JSON, as YAML reads it too."""
    begin, inside, _ = card.split("---\n", 2)
    assert begin == ""
    pairs = [line.partition(": ") for line in inside.splitlines()]
    return {name: json.loads(value) for name, _, value in pairs}


def rows(card: str, heading: str) -> list[list[str]]:
    section = card.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [re.split(r" *\| *", line)[1:-1] for line in section.splitlines() if line.startswith("|")]


def test_it_is_in_the_bundle_and_in_the_record(run: Path, record: Record) -> None:
    card = run / "model" / "README.md"
    assert card.read_text() == model_card(record)
    assert record.files["model/README.md"] == sha256_file(card)
    assert verify(run).verdict == "verified"
    assert "README.md" in contents_of(bundle_sources(run / "model")).files


def test_a_card_that_says_something_else_is_found(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    card = tmp_path / "run" / "model" / "README.md"
    card.write_text(card.read_text().replace("## Limits", "## No limits"))
    findings = [finding.what for finding in verify(tmp_path / "run").findings if not finding.remark]
    assert findings == ["model/README.md"]


def test_its_numbers_are_those_of_the_record(record: Record) -> None:
    card = model_card(record)
    result = record.results["test"]
    row = rows(card, "Results")[2]
    errors = result.words.substitutions + result.words.deletions + result.words.insertions
    assert row[:3] == ["test", "greedy decoding", f"{100 * result.wer:.2f} %"]
    assert row[4] == f"{errors} / {result.words.reference_length}"
    keys = front_matter(card)
    assert keys["pipeline_tag"] == "automatic-speech-recognition"
    (index,) = keys["model-index"]
    (told,) = index["results"]
    assert [(each["type"], each["value"]) for each in told["metrics"]] == [
        ("wer", round(100 * result.wer, 2)),
        ("cer", round(100 * result.cer, 2)),
    ]
    assert record.corpus is not None
    assert record.model is not None
    assert [each[1] for each in rows(card, "Trained on")[2:]] == [
        f"{part.utterances}" for part in record.corpus.splits.values()
    ]
    digests = {name: digest.strip("`") for name, digest in rows(card, "Digests")[2:]}
    assert digests["recipe"] == record.recipe_digest
    assert digests["weights (names, shapes, values)"] == record.model.weights_digest


def test_it_tells_what_the_number_must_not_be_read_without(record: Record) -> None:
    assert record.corpus is not None
    corpus = record.corpus.model_copy(update={"synthetic": True, "maker": "a_program <b>"})
    card = model_card(record.model_copy(update={"corpus": corpus}))
    assert "**The speech is synthetic**, made by a\\_program \\<b\\>." in card
    assert "says nothing about people" in card
    assert "The test part shares texts" in card
    assert "BSD-like" in card


def test_neither_times_nor_the_machine_are_in_it(record: Record) -> None:
    assert record.times is not None
    other = record.model_copy(
        update={"times": record.times.model_copy(update={"training": 1e6}), "command": "x", "sessions": []}
    )
    assert model_card(other) == model_card(record)


def test_a_run_without_a_result_has_none(record: Record) -> None:
    with pytest.raises(ValueError, match="test result"):
        model_card(record.model_copy(update={"results": {}}))
