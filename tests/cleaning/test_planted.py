"""Fifty faults and more of all kinds in a real corpus: each is found, and nothing else is accused."""

import importlib.util
import json
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from asr.cleaning.check import Report, check, read_part
from asr.cleaning.fix import LEFT_OUT, MENDED, Plan, write_cleaned
from asr.cleaning.kinds import KINDS
from asr.cleaning.page import page
from asr.utterance import Utterance

SPEAKERS = 24  # of AN4's training part; enough for the faults to have neighbours that are whole


@pytest.fixture(scope="module")
def planted_module() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "planted.py"
    specification = importlib.util.spec_from_file_location("planted", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def recordings(an4_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Of the first speakers of AN4's training part."""
    folder = tmp_path_factory.mktemp("an4")
    with tarfile.open(an4_archive) as archive:
        every = [one for one in archive if "an4_clstk/" in one.name and one.name.endswith(".sph")]
        speakers = sorted({one.name.split("/")[-2] for one in every})[:SPEAKERS]
        chosen = [one for one in every if one.name.split("/")[-2] in speakers]
        for one in chosen:
            one.name = Path(one.name).name
            archive.extract(one, folder, filter="data")
        stream = archive.extractfile("an4/etc/an4_train.transcription")
        assert stream is not None
        lines = stream.read().decode().splitlines()
    texts = {
        line.rpartition("(")[2].rstrip(")"): line.partition("<s> ")[2].partition(" </s>")[0] for line in lines
    }
    utterances = []
    for path in sorted(folder.glob("*.sph"), key=lambda path: (path.stem.split("-")[1], path.stem)):
        seconds = (path.stat().st_size - 1024) / 32000
        utterances.append(Utterance(path.stem, str(path), seconds, texts[path.stem], path.stem.split("-")[1]))
    return utterances


@pytest.fixture(scope="module")
def planted(
    planted_module: ModuleType, recordings: list[Utterance], tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModuleType, Report, Path]:
    folder = tmp_path_factory.mktemp("planted")
    test = [one for one in recordings if one.speaker == recordings[0].speaker]
    train = [one for one in recordings if one.speaker != recordings[0].speaker]
    planter = planted_module.Planter(train, test, folder / "audio")
    made = planter.all()
    parts = [read_part(path) for path in planter.write(folder)]
    return made, check(parts, known=folder / "known.sqlite"), folder


def test_each_is_found(planted: tuple[ModuleType, Report, Path]) -> None:
    made, report, _ = planted
    found = {(one.kind, one.id) for one in report.findings}
    by_ear = {"shifted", "transcript"}  # without a model these are not
    assert len(made.faults) >= 50
    assert {kind for kind, _, _ in made.faults} >= set(KINDS) - {"id", "too-short"}
    assert [
        fault for fault in made.faults if (fault[0], fault[2]) not in found and fault[0] not in by_ear
    ] == []


def test_nothing_else_is_accused(planted: tuple[ModuleType, Report, Path]) -> None:
    made, report, _ = planted
    known = {name for _, _, name in made.faults} | made.others
    assert [(one.kind, one.id, one.found) for one in report.findings if one.id not in known] == []


def test_a_second_time_says_the_same(planted: tuple[ModuleType, Report, Path]) -> None:
    """From what was kept of the first."""
    _, report, folder = planted
    parts = [read_part(folder / "train.jsonl"), read_part(folder / "test.jsonl")]
    asked: list[str] = []
    again = check(parts, known=folder / "known.sqlite", progress=lambda what, done, total: asked.append(what))
    assert again.findings == report.findings
    assert asked.count("audio") == 1  # the broken ones alone, in one go


def test_cleaned_manifests_are_clean(planted: tuple[ModuleType, Report, Path], tmp_path: Path) -> None:
    _, report, folder = planted
    before = {path: path.read_bytes() for path in folder.glob("*.jsonl")}
    drop = [name for name, kind in KINDS.items() if kind.action == "remove"]
    write_cleaned(report, tmp_path / "clean", Plan(drop=drop))
    assert {path: path.read_bytes() for path in folder.glob("*.jsonl")} == before
    parts = [read_part(tmp_path / "clean" / f"{name}.jsonl") for name in ("train", "test")]
    again = check(parts, known=folder / "known.sqlite")
    assert {one.kind for one in again.findings if KINDS[one.kind].action != "warn"} <= {"encoding"}  # U+FFFD
    left = [json.loads(line) for line in (tmp_path / "clean" / LEFT_OUT).read_text().splitlines()]
    assert len(left) + sum(len(part.utterances) for part in parts) == sum(
        len(part.utterances) for part in report.parts
    )
    assert {"duration", "rate", "invisible", "lookalike", "encoding"} == {
        kind
        for line in (tmp_path / "clean" / MENDED).read_text().splitlines()
        for kind in json.loads(line)["kinds"]
    }
    order = {one.id: row for row, one in enumerate(report.parts[0].utterances)}
    rows = [order[one.id] for one in parts[0].utterances]
    assert rows == sorted(rows)


def test_the_page_has_all_of_it(planted: tuple[ModuleType, Report, Path]) -> None:
    _, report, _ = planted
    found = page(report, Plan())
    assert all(f"id='{kind}'" in found for kind in report.counts)
    assert found.count("<audio") > 50
    assert "http" not in found.replace("http://www.w3.org", "")  # nothing is fetched
    assert len(found) < 5_000_000
