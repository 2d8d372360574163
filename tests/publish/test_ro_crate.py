"""The crate of a run, read by the libraries of RO-Crate and checked by its validator."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from asr.publish.export import Contents
from asr.runs.record import read_record

# rdflib, which the validator reads JSON-LD with, warns of its own class.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# The terms of RO-Crate 1.1's context that a crate of ours uses. Any other one is an error to the validator.
SCHEMA_ORG = (
    "CreateAction CreativeWork Dataset Person PropertyValue SoftwareApplication about actionStatus agent author "
    "contentSize datePublished description encodingFormat endTime hasPart identifier instrument license maxValue "
    "mentions minValue name object result softwareRequirements softwareVersion startTime subjectOf url value version"
)
TERMS = {
    "File": "http://schema.org/MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    **{term: f"http://schema.org/{term}" for term in SCHEMA_ORG.split()},
}
# What is recommended and not in a crate, as nobody knows it.
RECOMMENDED = {
    "The Application SHOULD have a url",  # Attest's own
    "The SoftwareApplication id SHOULD be an absolute URI",  # the class of schema.org is meant: not ours to change
    "The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    "The author SHOULD have an organizational affiliation.",
    "The author SHOULD have a Contextual Entity which specifies the organizational `affiliation`.",
}
Publish = Callable[..., Path]
Files = Callable[[Path], dict[str, bytes]]
Entities = Callable[[Path], dict[str, dict[str, Any]]]
Validate = Callable[..., list[str]]


def action_of(described: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return next(entity for entity in described.values() if entity["@type"] == "CreateAction")


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validate]:
    """Messages of the validator for a crate; without network, as the context lies in the cache that it reads."""
    import requests
    import requests.adapters
    import requests_cache
    import urllib3
    from rocrate_validator.services import validate as run_validator
    from rocrate_validator.utils.document_loader import uninstall_document_loader
    from rocrate_validator.utils.http import HttpRequester

    class Shelf(requests.adapters.BaseAdapter):
        """Has the context, and nothing else."""

        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            assert request.url == CONTEXT
            response = requests.Response()
            response.status_code, response.url, response.request = 200, CONTEXT, request
            response.headers["Content-Type"] = "application/ld+json"
            body = io.BytesIO(json.dumps({"@context": TERMS}).encode())
            response.raw = urllib3.HTTPResponse(body, status=200, preload_content=False)
            return response

        def close(self) -> None:
            pass

    cache = tmp_path_factory.mktemp("validator") / "cache"
    with requests_cache.CachedSession(str(cache), backend="sqlite", expire_after=-1) as session:
        session.mount("https://", Shelf())
        session.get(CONTEXT)

    def messages(crate: Path, severity: str = "REQUIRED") -> list[str]:
        settings = {
            "rocrate_uri": str(crate),
            "profile_identifier": "process-run-crate",
            "requirement_severity": severity,
            "offline": True,
            "cache_path": cache,
        }
        result = run_validator(settings)
        assert result.passed() == (not result.get_issues())
        return [issue.message for issue in result.get_issues()]

    yield messages
    HttpRequester().session.close()
    uninstall_document_loader()


def test_the_validator_finds_nothing_wrong(crate: Path, validate: Validate) -> None:
    assert validate(crate) == []
    assert set(validate(crate, "RECOMMENDED")) == RECOMMENDED


@pytest.mark.parametrize(
    ("entity", "key", "complaint"),
    [
        ("./", "license", "license"),
        ("./", "conformsTo", "versioned permalink of the profile"),
        ("action", "instrument", "MUST have an instrument"),
    ],
)
def test_the_validator_would_find_it(
    crate: Path, tmp_path: Path, validate: Validate, entity: str, key: str, complaint: str, entities: Entities
) -> None:
    shutil.copytree(crate, tmp_path / "crate")
    tree = json.loads((crate / "ro-crate-metadata.json").read_text())
    name = action_of(entities(crate))["@id"] if entity == "action" else entity
    del next(item for item in tree["@graph"] if item["@id"] == name)[key]
    (tmp_path / "crate" / "ro-crate-metadata.json").write_text(json.dumps(tree))
    assert any(complaint in message for message in validate(tmp_path / "crate"))


def test_the_validator_would_miss_a_file(crate: Path, tmp_path: Path, validate: Validate) -> None:
    shutil.copytree(crate, tmp_path / "crate")
    (tmp_path / "crate" / "model" / "weights.safetensors").unlink()
    assert any("weights.safetensors" in message for message in validate(tmp_path / "crate"))


def test_a_crate_with_less_is_valid_too(publish: Publish, validate: Validate, entities: Entities) -> None:
    crate = publish(Contents(weights=False))
    assert validate(crate) == []
    assert not (crate / "model" / "weights.safetensors").exists()
    assert "model/weights.safetensors" not in entities(crate)
    assert not any(entity["@type"] == "Person" for entity in entities(crate).values())
    assert "agent" not in action_of(entities(crate))
    assert "text" not in json.loads((crate / "utterances.json").read_text())[0]


def test_terms_mean_what_the_library_says() -> None:
    from rocrate import vocabs as vocabulary

    assert {term: vocabulary.term_to_uri(term) for term in TERMS} == TERMS
    assert vocabulary.term_to_uri("sha256") == "http://schema.org/sha256"


def test_the_library_reads_it(crate: Path, trained: Path, contents: Files) -> None:
    from rocrate.rocrate import ROCrate

    record = read_record(trained)
    read = ROCrate(crate)
    assert read.license["@id"] == "https://spdx.org/licenses/CC-BY-4.0"
    assert read.datePublished == datetime.fromisoformat(record.sessions[-1].finished)
    assert {entity.id for entity in read.data_entities if entity.type == "File"} == {
        path for path in contents(crate) if path != "ro-crate-metadata.json"
    }
    (action,) = read.get_by_type("CreateAction")
    assert read.mainEntity is None and read.root_dataset["mentions"] == action
    assert action["instrument"]["softwareVersion"] == record.sessions[-1].code.version
    assert record.sessions[-1].code.commit in action["instrument"]["description"]
    assert action["agent"].id == "https://orcid.org/0000-0002-1825-0097"
    assert action["agent"]["name"] == "Ada Lovelace"
    assert action["startTime"] == record.sessions[0].started
    assert action["endTime"] == record.sessions[-1].finished
    assert [item.id for item in action["object"]] == ["recipe.toml", "#corpus"]
    results = {item.id: item for item in action["result"]}
    assert {"model/weights.safetensors", "hypotheses/test.jsonl", "record.json"} <= results.keys()
    rate = results["#word-error-rate-test"]
    assert (rate["minValue"], rate["maxValue"]) == record.results["test"].wer_interval_95
    assert rate["value"] == record.results["test"].wer
    assert read.dereference("#corpus")["subjectOf"].id == "croissant.json"
    versions = {
        item["name"]: item["softwareVersion"] for item in action["instrument"]["softwareRequirements"]
    }
    assert versions == record.environment.packages
    variables = {item["name"]: item["value"] for item in action["environment"]}
    assert variables == record.environment.variables


def test_the_library_writes_it_again(
    crate: Path, tmp_path: Path, contents: Files, entities: Entities
) -> None:
    """Nothing is lost or taken for something else, so others can add to it."""
    from rocrate.rocrate import ROCrate

    ROCrate(crate).write(tmp_path / "again")
    assert entities(tmp_path / "again") == entities(crate)
    files, again = contents(crate), contents(tmp_path / "again")
    del files["ro-crate-metadata.json"], again["ro-crate-metadata.json"]
    assert again == files


def test_result_is_said_in_words(publish: Publish, run: Path, entities: Entities) -> None:
    words = {"hits": 770, "substitutions": 42, "deletions": 4, "insertions": 4, "reference_length": 773}
    result = {
        **read_record(run).results["test"].model_dump(mode="json"),
        **{"wer": 0.06468305, "wer_interval_95": [0.0451, 0.0863], "words": words, "sentences": 130},
    }
    root = entities(publish(results={"test": result}, corpus__lock="matches", corpus__waived=["texts"]))["./"]
    assert root["name"] == "miniature: speech recognition on an4, word error rate 6.47 %"
    assert root["description"].startswith(
        "Speech recognition with a word error rate of 6.47 % (95 % interval 4.51 % to 8.63 %; 42 substitutions, "
        "4 deletions and 4 insertions in 773 words) on the 130 utterances of the test part of CMU AN4 (Census), 1991."
    )
    assert "lock file" not in root["description"] and "synthetic" not in root["description"]


def test_what_must_not_be_overlooked_is_said(publish: Publish, entities: Entities) -> None:
    shared = {"audio": [], "texts": ["a", "b"], "speakers": ["anna"]}
    crate = publish(
        corpus__shared=shared, corpus__waived=["speakers"], corpus__synthetic=True, corpus__lock="differs"
    )
    root = entities(crate)["./"]
    assert "synthetic speech, no error rate claimed (the test part shares texts)" in root["name"]
    for said in (
        "The speech is synthetic",
        "decided when to stop: 2 texts, 1 speakers.",
        "The recipe does not waive texts: nothing is claimed",
        "The corpus is not the one of its lock file.",
    ):
        assert said in root["description"]


def test_a_run_of_several_sessions(publish: Publish, run: Path, entities: Entities) -> None:
    """It lasts from the start of the first to the end of the last, and each code that worked on it is an instrument."""
    last = read_record(run).sessions[-1].model_dump(mode="json")
    other = {**last["code"], "digest": "f" * 64, "commit": "", "changed": None}
    killed = {**last, "started": "2001-02-03T04:05:06+00:00", "finished": "", "code": other}
    crate = publish(sessions=[killed, {**killed, "started": "2001-02-03T05:00:00+00:00"}, last])
    action, described = action_of(entities(crate)), entities(crate)
    assert action["startTime"] == "2001-02-03T04:05:06+00:00"
    assert action["endTime"] == last["finished"]
    assert "in 3 sessions" in action["description"]
    instruments = [described[item["@id"]] for item in action["instrument"]]
    assert [item["identifier"][-64:] for item in instruments] == ["f" * 64, last["code"]["digest"]]
    assert "commit unknown" in instruments[0]["description"]
