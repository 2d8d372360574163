"""What was altered in a finished benchmark is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from asr.benchmark.errors import BenchmarkError
from asr.benchmark.record import BenchmarkRecord, read_record, write_record
from asr.benchmark.verify import verify_benchmark
from asr.cli.main import main
from asr.files import sha256_file
from asr.runs.seal import canonical_digest

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
Change = Callable[[Path, dict[str, Any]], None]


def test_it_is_verified(whole: tuple[Path, BenchmarkRecord], capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = whole
    assert main(["verify", str(folder / "out"), str(folder / "out" / "record.json")]) == 0
    assert capsys.readouterr().out.count("verified: 10 checks right") == 2
    for option in (["--decode"], ["--audio"]):
        assert main(["verify", str(folder / "out"), *option]) == 1
        assert f"{option[0]} is for runs, and this is a benchmark" in capsys.readouterr().err


@pytest.mark.parametrize("folder", sorted(RESULTS.glob("benchmark-*")), ids=lambda folder: folder.name)
def test_those_of_the_project_hold(folder: Path) -> None:
    """Also after the page has changed: that is a remark."""
    report = verify_benchmark(folder)
    assert report.verdict == "verified", report.findings
    assert not any(check.skipped for check in report.checks)


def test_the_record_has_its_published_schema(whole: tuple[Path, BenchmarkRecord]) -> None:
    schema = json.loads((RESULTS.parents[1] / "docs" / "benchmark.schema.json").read_text(encoding="utf-8"))
    for folder in (whole[0] / "out", *RESULTS.glob("benchmark-*")):
        jsonschema.validate(json.loads((folder / "record.json").read_text(encoding="utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"format": 1, "kind": "benchmark"}, schema)


def test_a_key_that_came_later_is_no_fault(whole: tuple[Path, BenchmarkRecord], tmp_path: Path) -> None:
    shutil.copytree(whole[0] / "out", tmp_path / "out")
    tree = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
    del tree["benchmark"]["systems"][0]["at_once"]
    tree["benchmark_digest"] = canonical_digest(tree["benchmark"])
    write_record(tmp_path / "out", BenchmarkRecord.model_validate_json(json.dumps(tree)))
    checks = {check.name: check.outcome for check in verify_benchmark(tmp_path / "out").checks}
    assert checks["benchmark"] == checks["numbers"] == "ok"


def changed(key: str, value: Any) -> Change:
    """Of the record, which is sealed again."""

    def change(folder: Path, tree: dict[str, Any]) -> None:
        *places, last = key.split(".")
        for place in places:
            tree = tree[int(place)] if isinstance(tree, list) else tree[place]
        assert tree[last] != value
        tree[last] = value

    return change


def _other_text(folder: Path, tree: dict[str, Any]) -> None:
    """An error less in what was heard, and a digest to match."""
    cell = next(each for each in tree["cells"] if each["system"] == "first")
    path = folder / cell["file"]
    path.write_text(path.read_text().replace('"text": "NO"', '"text": "NO SEE"', 1))
    cell["sha256"] = sha256_file(path)


def _other_words(folder: Path, tree: dict[str, Any]) -> None:
    path = folder / tree["corpora"][0]["file"]
    path.write_text(path.read_text().replace('"text": "YES"', '"text": "GO"', 1))
    tree["corpora"][0]["sha256"] = sha256_file(path)


def _other_rules(folder: Path, tree: dict[str, Any]) -> None:
    tree["benchmark"]["unit"] = "character"
    tree["benchmark_digest"] = canonical_digest(tree["benchmark"])


def _lost_cell(folder: Path, tree: dict[str, Any]) -> None:
    tree["cells"].pop()


def _lost_file(folder: Path, tree: dict[str, Any]) -> None:
    (folder / "table.md").unlink()


def _better_table(folder: Path, tree: dict[str, Any]) -> None:
    path = folder / "table.md"
    path.write_text(path.read_text().replace("45.5%", "4.5%"))
    tree["files"]["table.md"] = sha256_file(path)


def _new_file(folder: Path, tree: dict[str, Any]) -> None:
    (folder / "answers" / "more.jsonl").touch()


def _torn_answers(folder: Path, tree: dict[str, Any]) -> None:
    path = folder / tree["cells"][0]["file"]
    path.write_text(path.read_text()[:-20])
    tree["cells"][0]["sha256"] = sha256_file(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (changed("cells.0.score.wer", 0.5), {"numbers", "table", "page"}),
        (changed("cells.2.rank", 2), {"numbers", "table", "page"}),
        (changed("cells.0.letters", "b"), {"numbers", "table", "page"}),
        (changed("cells.0.speed.real_time_factor", 1e-6), {"numbers", "table", "page"}),
        (changed("cells.1.failed", []), {"numbers", "table", "page"}),
        (changed("pairs.0.different", True), {"pairs", "table", "page"}),
        (changed("systems.0.memory", 1), {"systems", "table", "page"}),
        (changed("systems.2.error", "lazy"), {"table", "page"}),
        (changed("corpora.0.utterances", 7), {"corpora", "table", "page"}),
        (changed("benchmark.alpha", 0.1), {"benchmark", "table", "page"}),
        (changed("cells.0.file", "../../out/answers/right/tiny.jsonl"), {"files"}),
        (_other_text, {"numbers", "pairs", "page"}),
        (_other_words, {"numbers", "pairs", "page"}),
        (_other_rules, {"numbers", "pairs", "table", "page"}),
        (_lost_cell, {"systems", "pairs", "files", "table", "page"}),
        (_lost_file, {"files"}),
        (_better_table, {"table"}),
        (_new_file, {"files"}),
        (_torn_answers, {"files"}),
    ],
)
def test_what_was_altered_is_named(
    change: Change, expected: set[str], whole: tuple[Path, BenchmarkRecord], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(whole[0] / "out", folder)
    tree = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    change(folder, tree)
    write_record(folder, BenchmarkRecord.model_validate_json(json.dumps(tree)))
    report = verify_benchmark(folder)
    outcomes = {check.name: check.outcome for check in report.checks}
    failed = {name for name, outcome in outcomes.items() if outcome == "failed"}
    assert failed >= expected
    if change is _torn_answers:  # nothing can be counted, and that is said
        assert outcomes["numbers"] == "not checked"
        assert "tiny.jsonl:6" in next(check.skipped for check in report.checks if check.name == "numbers")
    assert failed - expected <= {"page", "pairs", "systems"}
    assert report.verdict == "failed"


def test_the_seal_names_the_part(whole: tuple[Path, BenchmarkRecord], tmp_path: Path) -> None:
    shutil.copytree(whole[0] / "out", tmp_path / "out")
    path = tmp_path / "out" / "record.json"
    tree = json.loads(path.read_text(encoding="utf-8"))
    tree["command"] = "asr benchmark other.toml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    findings = verify_benchmark(tmp_path / "out").findings
    assert [finding.what for finding in findings] == ["command", "page.html"]
    assert main(["verify", str(tmp_path / "out")]) == 1


def test_an_unknown_key_is_no_record(whole: tuple[Path, BenchmarkRecord], tmp_path: Path) -> None:
    shutil.copytree(whole[0] / "out", tmp_path / "out")
    path = tmp_path / "out" / "record.json"
    path.write_text(path.read_text().replace('"command"', '"comand"', 1))
    report = verify_benchmark(tmp_path / "out")
    assert report.checks[0].outcome == "failed"
    assert report.verdict == "failed"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no benchmark here"),
        ("[", "not a readable JSON file"),
        ('{"format": 2}', "not the record of a benchmark"),
        ('{"kind": "benchmark", "format": 2}', "reads format 1"),
    ],
)
def test_what_is_no_benchmark_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "record.json").write_text(content)
    with pytest.raises(BenchmarkError, match=message):
        verify_benchmark(tmp_path)
    with pytest.raises(BenchmarkError, match=message):
        read_record(tmp_path)
