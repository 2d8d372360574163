"""Croissant: the corpus of a run for programs that look for data. A row for each utterance, and no paths.

Croissant 1.0 is JSON-LD over schema.org (Akhtar et al., "Croissant: a metadata format for ML-ready datasets", 2024;
http://mlcommons.org/croissant/1.0). The description has two record sets: `utterances`, which is read from a table
beside it, and `splits`, which says what the names of the parts mean.

The table is one JSON array rather than JSON Lines: whoever reads lines with pandas, as mlcroissant does, gets the
utterance 007 as the number 7.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from asr.corpora.registry import get_reader
from asr.errors import RunError
from asr.manifest import Utterance, identity, manifest_digest, read_manifest
from asr.publish.words import corpus_in_words
from asr.runs.folder import RunFolder
from asr.runs.record import CorpusUsed, Record

DESCRIPTION = "croissant.json"
TABLE = "utterances.json"
VERSION = "http://mlcommons.org/croissant/1.0"

Parts = dict[str, list[Utterance]]  # train, dev, test

_TERMS = (
    "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
# The whole vocabulary of the specification's appendix: readers complain about a context that has less.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}
_MEANING = {"train": "cr:TrainingSplit", "dev": "cr:ValidationSplit", "test": "cr:TestSplit"}
_FIELDS = {  # column: type and meaning
    "id": ("sc:Text", "Name of the utterance in the corpus"),
    "split": ("sc:Text", "Part of the corpus as which the run used it"),
    "speaker": ("sc:Text", "Who speaks; empty when the corpus does not say"),
    "duration": ("sc:Float", "Seconds of audio"),
    "digest": (
        "sc:Text",
        "SHA-256 over the decoded 16-bit samples, the sample rate, the words and the speaker: the same for WAV, "
        "FLAC and SPHERE copies, another for one changed sample or character",
    ),
    "text": ("sc:Text", "What is said, as the corpus writes it"),
}


def read_parts(folder: RunFolder, corpus: CorpusUsed) -> Parts:
    """The utterances of each part, from the manifests of a run.

    Raises:
        RunError: a manifest is missing, or not the one that the record speaks of.
    """
    parts: Parts = {}
    for name, split in corpus.splits.items():
        if name not in _MEANING:
            raise RunError(f"{folder.path}: a part called {name!r}; parts of a run are {', '.join(_MEANING)}")
        path = folder.manifest(name)
        if not path.is_file():
            raise RunError(
                f"{path}: missing; the description of the corpus is made from the manifests, which stay where the run "
                "was made: make the crate there"
            )
        parts[name] = list(read_manifest(path))
        found, expected = identity(utterance.digest for utterance in parts[name]), split.digest
        if split.manifest:  # it covers every key; records of format 1 do not have it
            found, expected = manifest_digest(parts[name]), split.manifest
        if found != expected:
            raise RunError(
                f"{path}: altered: its digest is {found[:12]}…, the record says {expected[:12]}…; "
                "restore it, or run the recipe again"
            )
    return parts


def utterance_table(parts: Parts, *, texts: bool) -> str:
    """A JSON array with a line for each utterance, in the order of the parts and then of the ids.

    Args:
        texts: whether it says what is said; words belong to their corpus, and its licence decides who may pass them on.
    """
    rows = [
        json.dumps(_row(name, utterance, texts), ensure_ascii=False)
        for name, utterances in parts.items()
        for utterance in sorted(utterances, key=lambda utterance: utterance.id)
    ]
    return "[\n" + ",\n".join(rows) + "\n]\n"


def describe_corpus(record: Record, parts: Parts, table: str, *, texts: bool) -> dict[str, Any]:
    """Croissant metadata of the corpus of a complete run, to be written beside the table.

    What a record and the reader of the corpus do not know is left out: its creators, how to cite it, its version.
    """
    corpus = record.corpus
    assert corpus is not None  # of a complete run
    reader = get_reader(corpus.name)
    addresses = list(reader.source.urls) if reader.source else []
    languages = sorted({utterance.lang for part in parts.values() for utterance in part} - {""})
    known = {
        "url": addresses[0] if addresses else "",
        "sameAs": addresses[1:],
        "inLanguage": languages,
    }
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": reader.title,
        "description": corpus_in_words(corpus),
        "conformsTo": VERSION,
        "license": {"@type": "sc:CreativeWork", "name": reader.licence},
        **{key: value for key, value in known.items() if value},
        "keywords": ["speech recognition", *["synthetic speech"] * corpus.synthetic],
        "datePublished": record.sessions[-1].finished[
            :10
        ],  # of this division into parts; the corpus may be older
        "distribution": [_table_file(table)],
        "recordSet": [_split_set(list(parts)), _utterance_set(texts)],
    }


def _row(name: str, utterance: Utterance, texts: bool) -> dict[str, str | float]:
    row: dict[str, str | float] = {
        "id": utterance.id,
        "split": name,
        "speaker": utterance.speaker,
        "duration": float(utterance.duration),
        "digest": utterance.digest,
    }
    return {**row, "text": utterance.text} if texts else row


def _table_file(table: str) -> dict[str, Any]:
    contents = table.encode()
    return {
        "@type": "cr:FileObject",
        "@id": TABLE,
        "name": TABLE,
        "description": "A row for each utterance, without its audio",
        "contentUrl": TABLE,
        "contentSize": f"{len(contents)} B",
        "encodingFormat": "application/json",
        "sha256": hashlib.sha256(contents).hexdigest(),
    }


def _split_set(names: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The parts of the corpus: learned from, decided when to stop, and tested on",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": ["sc:URL", "cr:Split"]},
        ],
        "data": [{"splits/name": name, "splits/url": _MEANING[name]} for name in names],
    }


def _utterance_set(texts: bool) -> dict[str, Any]:
    fields = []
    for column, (kind, meaning) in _FIELDS.items():
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"utterances/{column}",
            "name": column,
            "description": meaning,
            "dataType": kind,
            "source": {"fileObject": {"@id": TABLE}, "extract": {"jsonPath": f"$[*].{column}"}},
        }
        if column == "split":
            field["references"] = {"field": {"@id": "splits/name"}}
        if column != "text" or texts:
            fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": "utterances",
        "name": "utterances",
        "description": "What was heard: a record for each utterance",
        "key": {"@id": "utterances/id"},
        "field": fields,
    }
