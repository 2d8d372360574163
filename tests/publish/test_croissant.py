"""The description of a corpus, read by the library of Croissant, and its records by that library too."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.corpora.registry import NAMES, get_reader
from asr.errors import RunError
from asr.manifest import Utterance, read_manifest
from asr.publish.croissant import describe_corpus, read_parts, utterance_table
from asr.publish.export import Contents
from asr.runs.folder import RunFolder
from asr.runs.record import Record, read_record

# rdflib, which mlcroissant reads JSON-LD with, warns of its own class.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")

# What is recommended and not described, as no corpus of ours says it in a form that could be passed on.
NOT_KNOWN = ("citeAs", "version")
Publish = Callable[..., Path]


@pytest.fixture
def load(caplog: pytest.LogCaptureFixture) -> Callable[[Path], Any]:
    """mlcroissant's Dataset of a folder, after its own validation, in which it raises for an error."""
    import mlcroissant

    def load(folder: Path) -> Any:
        dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
        issues = dataset.metadata.ctx.issues
        assert not issues.errors
        assert len(issues.warnings) == len(NOT_KNOWN)
        assert all(any(f'/{name}" is recommended' in text for name in NOT_KNOWN) for text in issues.warnings)
        assert "not standard" not in caplog.text  # of the context
        return dataset

    return load


@pytest.fixture(scope="session")
def record(trained: Path) -> Record:
    return read_record(trained)


def of_corpus(record: Record, **changes: Any) -> Record:
    assert record.corpus is not None
    return record.model_copy(update={"corpus": record.corpus.model_copy(update=changes)})


def write(
    folder: Path, record: Record, parts: dict[str, list[Utterance]], texts: bool = True
) -> dict[str, Any]:
    """Table and description, side by side."""
    table = utterance_table(parts, texts=texts)
    (folder / "utterances.json").write_text(table, encoding="utf-8")
    description = describe_corpus(record, parts, table, texts=texts)
    (folder / "croissant.json").write_text(json.dumps(description), encoding="utf-8")
    return description


def records_of(dataset: Any, name: str = "utterances") -> list[dict[str, Any]]:
    """Records with short names, and texts as they are."""
    return [
        {key.partition("/")[2]: v.decode() if isinstance(v, bytes) else v for key, v in record.items()}
        for record in dataset.records(name)
    ]


def test_records_are_the_utterances_of_the_run(
    load: Callable[[Path], Any], crate: Path, trained: Path
) -> None:
    expected = [
        {
            "id": utterance.id,
            "split": split,
            "speaker": utterance.speaker,
            "duration": utterance.duration,
            "digest": utterance.digest,
            "text": utterance.text,
        }
        for split in ("train", "dev", "test")
        for utterance in sorted(
            read_manifest(trained / "manifests" / f"{split}.jsonl"), key=lambda one: one.id
        )
    ]
    assert len(expected) == 72
    assert records_of(load(crate)) == expected


def test_parts_have_a_meaning(load: Callable[[Path], Any], crate: Path) -> None:
    assert records_of(load(crate), "splits") == [
        {"name": "train", "url": "cr:TrainingSplit"},
        {"name": "dev", "url": "cr:ValidationSplit"},
        {"name": "test", "url": "cr:TestSplit"},
    ]


def test_texts_stay_where_they_are_unless_asked_for(load: Callable[[Path], Any], publish: Publish) -> None:
    crate = publish(Contents(texts=False))
    found = records_of(load(crate))
    assert found and all(
        record.keys() == {"id", "split", "speaker", "duration", "digest"} for record in found
    )
    assert "GO" not in (crate / "utterances.json").read_text() + (crate / "croissant.json").read_text()


def test_an_altered_table_is_not_read(load: Callable[[Path], Any], crate: Path, tmp_path: Path) -> None:
    """The library compares the digest: so it must be right above."""
    shutil.copytree(crate, tmp_path / "crate")
    table = tmp_path / "crate" / "utterances.json"
    table.write_text(table.read_text().replace('"emil"', '"emmi"', 1))
    dataset = load(tmp_path / "crate")
    with pytest.raises(Exception, match=r"operation Download\(utterances.json\)") as caught:
        list(dataset.records("utterances"))
    assert "Hash of downloaded file" in str(caught.value.__cause__)


def test_names_like_numbers_stay_names(load: Callable[[Path], Any], record: Record, tmp_path: Path) -> None:
    odd = ["007", "1e5", "NA", "null", "2020-01-01", "true", 'quo"te', "ünï,code", " ", "0x10"]
    parts = {
        split: [
            Utterance(f"{name}{end}", "a.wav", 2.0, name, name, digest=f"{i:064}")
            for i, name in enumerate(odd)
        ]
        for split, end in (("train", ""), ("test", "0"))
    }
    write(tmp_path, record, parts)
    found = records_of(load(tmp_path))
    for split, end in (("train", ""), ("test", "0")):
        ours = [one for one in found if one["split"] == split]
        assert {one["id"] for one in ours} == {f"{name}{end}" for name in odd}
        assert all(one["speaker"] == one["text"] == one["id"].removesuffix(end) for one in ours)
        assert {one["digest"] for one in ours} == {f"{i:064}" for i in range(len(odd))}


def test_speakers_may_be_unknown(load: Callable[[Path], Any], record: Record, tmp_path: Path) -> None:
    write(tmp_path, record, {"test": [Utterance("a", "a.wav", 1, "go", digest="0" * 64)]})
    assert records_of(load(tmp_path)) == [
        {"id": "a", "split": "test", "speaker": "", "duration": 1.0, "digest": "0" * 64, "text": "go"}
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_corpus_can_be_described(
    name: str, load: Callable[[Path], Any], record: Record, trained: Path, tmp_path: Path
) -> None:
    reader = get_reader(name)
    changed = of_corpus(record, name=name, synthetic=reader.make is not None, maker="eSpeak NG 1.52")
    assert record.corpus is not None
    write(tmp_path, changed, read_parts(RunFolder(trained), record.corpus))
    metadata = load(tmp_path).metadata
    assert metadata.name == reader.title
    assert [licence.name for licence in metadata.license] == [reader.licence]
    assert {metadata.url, *(metadata.same_as or [])} - {None} == set(
        reader.source.urls if reader.source else []
    )
    assert metadata.date_published.date().isoformat() == record.sessions[-1].finished[:10]
    synthetic = "synthetic speech" in metadata.keywords
    assert synthetic == ("This is synthetic speech, made by eSpeak NG 1.52" in metadata.description)
    assert synthetic == (name == "digits")


def test_description_says_what_the_parts_are(record: Record, trained: Path) -> None:
    assert record.corpus is not None
    parts = read_parts(RunFolder(trained), record.corpus)
    changed = of_corpus(record, source="an4.tar.gz", source_sha256="ab" * 32)
    words = describe_corpus(changed, parts, "[]\n", texts=False)["description"]
    assert (
        f"dev: 16 utterances, 0.2 minutes, 1 speaker, identity {record.corpus.splits['dev'].digest}." in words
    )
    assert f"It was read from an4.tar.gz, SHA-256 {'ab' * 32}." in words
    assert "left out" not in words and "synthetic" not in words


def test_table_is_a_row_a_line_in_order() -> None:
    parts = {
        "train": [
            Utterance("b", "/elsewhere/b.wav", 1, "go", "x"),
            Utterance("a", "a.wav", 2.5, "no", digest="0" * 64),
        ],
        "test": [Utterance("0", "0.wav", 0.5, "é", offset=3)],
    }
    table = utterance_table(parts, texts=False)
    assert table == (
        "[\n"
        f'{{"id": "a", "split": "train", "speaker": "", "duration": 2.5, "digest": "{"0" * 64}"}},\n'
        '{"id": "b", "split": "train", "speaker": "x", "duration": 1.0, "digest": ""},\n'
        '{"id": "0", "split": "test", "speaker": "", "duration": 0.5, "digest": ""}\n'
        "]\n"
    )
    assert [row["text"] for row in json.loads(utterance_table(parts, texts=True))] == ["no", "go", "é"]
    assert json.loads(utterance_table({"train": [], "test": []}, texts=True)) == []


def test_table_is_known_by_its_digest(record: Record) -> None:
    parts = {"test": [Utterance("a", "a.wav", 1, "é", digest="0" * 64)]}
    table = utterance_table(parts, texts=True)
    (file,) = describe_corpus(record, parts, table, texts=True)["distribution"]
    assert file["sha256"] == hashlib.sha256(table.encode()).hexdigest()
    assert file["contentSize"] == f"{len(table.encode())} B"


def test_the_order_of_a_manifest_does_not_matter(trained: Path, record: Record) -> None:
    assert record.corpus is not None
    parts = read_parts(RunFolder(trained), record.corpus)
    turned = {name: utterances[::-1] for name, utterances in parts.items()}
    assert utterance_table(turned, texts=True) == utterance_table(parts, texts=True)


def test_records_of_format_1_know_the_identity_alone(run: Path, record: Record) -> None:
    """They have no digest of a manifest, but that of decoded samples, words and speakers."""
    assert record.corpus is not None
    splits = {name: part.model_copy(update={"manifest": ""}) for name, part in record.corpus.splits.items()}
    old = record.corpus.model_copy(update={"splits": splits})
    assert len(read_parts(RunFolder(run), old)["dev"]) == 16
    path = run / "manifests" / "dev.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[1:]))
    with pytest.raises(RunError, match=f"{path}: altered"):
        read_parts(RunFolder(run), old)


def test_a_part_of_another_name(run: Path, record: Record) -> None:
    assert record.corpus is not None
    part = record.corpus.splits["dev"]
    for name in ("../dev", "validation"):
        other = record.corpus.model_copy(update={"splits": {name: part}})
        with pytest.raises(RunError, match=f"a part called '{name}'"):
            read_parts(RunFolder(run), other)
