"""RO-Crate: what is in a published run, what made it out of what, and who may use it, as JSON-LD for machines.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the profile Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5; Leo et al., "Recording provenance of workflow runs with RO-Crate", 2024): the
training is a CreateAction, its instrument the software, its object recipe and corpus, its result everything that came
out. All dates are those of the record, so one run is always described in the same words.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from asr.corpora.registry import get_reader
from asr.publish.croissant import DESCRIPTION, TABLE
from asr.publish.croissant import VERSION as CROISSANT
from asr.publish.publication import Publication, licence_address, orcid_address
from asr.publish.words import action_in_words, corpus_in_words, result_in_words, title
from asr.runs.environment import Code
from asr.runs.folder import RECORD
from asr.runs.record import CorpusUsed, Record, Session

METADATA = "ro-crate-metadata.json"
VERSION = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"

Entity = dict[str, Any]

_RECIPE = "recipe.toml"
_CORPUS = "#corpus"
# Terms that the context of RO-Crate 1.1 does not have.
_TERMS = {
    "sha256": "http://schema.org/sha256",
    "environment": "https://w3id.org/ro/terms/workflow-run#environment",
}
_FILES = {  # path: name, description
    RECORD: ("Run record", "What went in, on what machine and what came out, each named by a digest"),
    _RECIPE: (
        "Recipe",
        "Everything that the run depends on besides corpus and code, with every default filled in",
    ),
    "metrics.jsonl": ("Metrics", "Loss and error rates of each epoch, one a line"),
    "model/model.json": ("Model", "Architecture, front end, text normaliser and tokenizer"),
    "model/weights.safetensors": ("Weights", "Parameters by name, float32, in safetensors format"),
    "model/decoder.json": (
        "Decoder",
        "How a beam search reads what the model hears: weights, pruning, priors",
    ),
    "model/language_model.arpa.gz": ("Language model", "n-grams in ARPA format, for the search"),
    "model/lexicon.txt": ("Lexicon", "Words that the search can find, each with its tokens"),
    **{
        f"hypotheses/{part}{suffix}.jsonl": (
            f"Hypotheses of {part}{', by the search' * bool(suffix)}",
            "What was heard beside what was said, one utterance a line",
        )
        for part in ("dev", "test")
        for suffix in ("", "-search")
    },
    TABLE: ("Utterances", "Name, part, speaker, duration and digest of every utterance that was used"),
    DESCRIPTION: ("Description of the corpus", "Croissant metadata, which describes the utterances"),
}
_MEDIA_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".toml": "application/toml",
    ".safetensors": "application/octet-stream",
    ".gz": "application/gzip",
    ".txt": "text/plain",
}


@dataclass(frozen=True)
class CrateFile:
    """A file in the crate."""

    path: str  # inside the crate
    size: int  # bytes
    sha256: str


def describe_run(record: Record, files: Sequence[CrateFile], publication: Publication) -> dict[str, Any]:
    """Metadata of a crate with a complete run, to be written as `METADATA` beside the files.

    Args:
        files: every other file of the crate.
    """
    corpus = record.corpus
    assert corpus is not None  # of a complete run
    software = list(_software(record))
    values = list(_values(record))
    variables = list(_variables(record.environment.variables))
    person = list(_person(publication))
    identity = next(file.sha256 for file in files if file.path == RECORD)
    action = f"#run-{identity[:16]}"
    came_out = [_address(file.path) for file in files if file.path not in (_RECIPE, TABLE, DESCRIPTION)]
    first, last = record.sessions[0], record.sessions[-1]
    graph: list[Entity] = [
        {"@id": METADATA, "@type": "CreativeWork", "conformsTo": _one(VERSION), "about": _one("./")},
        {
            "@id": "./",
            "@type": "Dataset",
            "name": title(record),
            "description": result_in_words(record),
            "datePublished": last.finished,
            "license": _one(licence_address(publication.licence)),
            "conformsTo": _one(PROFILE),
            "hasPart": _several(_address(file.path) for file in files),
            "mentions": _one(action),
            **({"author": _several(item["@id"] for item in person)} if person else {}),
        },
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": licence_address(publication.licence),
            "@type": "CreativeWork",
            "name": publication.licence,
            "description": "The terms on which this run is published; those of the corpus are its own",
        },
        {
            "@id": action,
            "@type": "CreateAction",
            "name": f"Training and scoring of {record.recipe.name} with seed {record.recipe.seed}",
            "description": action_in_words(record),
            "instrument": _several(_code_id(code) for code in _codes(record.sessions)),
            **({"agent": _several(item["@id"] for item in person)} if person else {}),
            "object": _several([_RECIPE, _CORPUS]),
            "result": _several([*came_out, *(value["@id"] for value in values)]),
            "startTime": first.started,
            "endTime": last.finished,
            "actionStatus": "http://schema.org/CompletedActionStatus",
            **({"environment": _several(item["@id"] for item in variables)} if variables else {}),
        },
    ]
    graph += [*map(_file, files), *_corpus(corpus), *values, *software, *variables, *person]
    return {"@context": [f"{VERSION}/context", _TERMS], "@graph": graph}


def _file(file: CrateFile) -> Entity:
    name, description = _FILES.get(file.path, (file.path, "A file of the run"))
    suffix = file.path[file.path.rfind(".") :]
    entity: Entity = {
        "@id": _address(file.path),
        "@type": "File",
        "name": name,
        "description": description,
        "encodingFormat": _MEDIA_TYPES.get(suffix, "application/octet-stream"),
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }
    if file.path == DESCRIPTION:
        entity |= {
            "encodingFormat": "application/ld+json",
            "conformsTo": _one(CROISSANT),
            "about": _one(_CORPUS),
        }
    return entity


def _corpus(corpus: CorpusUsed) -> Iterator[Entity]:
    """What the run heard; no Dataset, as that is a folder of the crate to RO-Crate's libraries."""
    reader = get_reader(corpus.name)
    addresses = list(reader.source.urls) if reader.source else []
    yield {
        "@id": _CORPUS,
        "@type": "CreativeWork",
        "name": reader.title,
        "description": corpus_in_words(corpus),
        "license": _one("#corpus-licence"),
        "subjectOf": _one(DESCRIPTION),
        **({"url": addresses if len(addresses) > 1 else addresses[0]} if addresses else {}),
    }
    yield {"@id": "#corpus-licence", "@type": "CreativeWork", "name": reader.licence}


def _values(record: Record) -> Iterator[Entity]:
    results = [(part, "", result) for part, result in record.results.items()]
    if record.search:
        results += [(part, "-search", result) for part, result in record.search.results.items()]
    for part, how, result in results:
        low, high = result.wer_interval_95
        yield {
            "@id": f"#word-error-rate-{part}{how}",
            "@type": "PropertyValue",
            "name": f"word error rate of {part}{' by the search' * bool(how)}",
            "description": "A ratio; minValue and maxValue are its 95 % interval, a bootstrap over utterances",
            "value": result.wer,
            "minValue": low,
            "maxValue": high,
        }


def _software(record: Record) -> Iterator[Entity]:
    """Attest in each version that worked on the run, and the libraries of the last session."""
    packages = {
        name: f"https://pypi.org/project/{name}/{version}/"
        for name, version in record.environment.packages.items()
    }
    for code in _codes(record.sessions):
        changed = {True: ", with changes", False: "", None: ", perhaps with changes"}[code.changed]
        commit = f"commit {code.commit}{changed}" if code.commit else "commit unknown"
        yield {
            "@id": _code_id(code),
            "@type": "SoftwareApplication",
            "name": "attest-asr",
            "description": f"Attest: speech recognition whose results can be checked; {commit}",
            "softwareVersion": code.version,
            "identifier": f"SHA-256 over the package's source files: {code.digest}",
            **({"softwareRequirements": _several(packages.values())} if packages else {}),
        }
    for name, address in packages.items():
        yield {
            "@id": address,
            "@type": "SoftwareApplication",
            "name": name,
            "url": address,
            "softwareVersion": record.environment.packages[name],
        }


def _codes(sessions: Iterable[Session]) -> list[Code]:
    """Each code once, in order."""
    return list({code.digest: code for code in (session.code for session in sessions)}.values())


def _code_id(code: Code) -> str:
    return f"#attest-asr-{code.digest[:16]}"


def _variables(variables: dict[str, str]) -> Iterator[Entity]:
    for name, value in variables.items():
        yield {"@id": f"#environment-{quote(name)}", "@type": "PropertyValue", "name": name, "value": value}


def _person(publication: Publication) -> Iterator[Entity]:
    if publication.agent:
        address = orcid_address(publication.orcid) if publication.orcid else "#agent"
        yield {"@id": address, "@type": "Person", "name": publication.agent}


def _address(path: str) -> str:
    return quote(path)


def _one(address: str) -> dict[str, str]:
    return {"@id": address}


def _several(addresses: Iterable[str]) -> dict[str, str] | list[dict[str, str]]:
    """References; one alone is not put into a list, as RO-Crate asks."""
    references = [_one(address) for address in addresses]
    return references[0] if len(references) == 1 else references
