"""What the documentation says is so: generated parts are current, records have their schema, every unit is named.

Links: test_docs_site.py; commands and other code: test_docs_blocks.py.
"""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from documentation import DOCS, PAGES, ROOT, by_name, loaded
from miniature import recipe as miniature_recipe
from miniature import write_corpus

from asr.recipe_file import load_recipe
from asr.runs.options import RunOptions
from asr.runs.run import run

RECORDS = sorted((DOCS / "results").rglob("*.json"))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return loaded(DOCS / "generate.py")


@pytest.fixture(scope="module")
def record_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((DOCS / "record.schema.json").read_text(encoding="utf-8"))
    return schema


@pytest.mark.parametrize(
    "name", ["recipes.md", "record.md", "record.schema.json", "benchmark.schema.json", "study.schema.json"]
)
def test_generated_files_are_current(name: str, generate: ModuleType) -> None:
    path = DOCS / name
    assert path.read_text(encoding="utf-8") == generate.generated()[path], "stale: run `make docs`"


def test_every_key_has_a_meaning(generate: ModuleType) -> None:
    tables = generate.recipe_tables() + generate.record_tables()
    silent = [line for line in tables.splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert silent == [], "put a comment behind the field, then run `make docs`"


def test_every_recipe_key_is_in_the_page(generate: ModuleType) -> None:
    """The tables are made from one schema; this asks the recipe itself."""

    def keys(tree: dict[str, Any]) -> set[str]:
        return set(tree).union(*(keys(value) for value in tree.values() if isinstance(value, dict)))

    used = (
        "augment.joined=0.3",
        "decoder.kind=beam",
        "decoder.hearings=4",
        "train.chosen_epoch=last",
    )  # keys that are not said where they change nothing
    recipe = load_recipe(ROOT / "recipes" / "an4.toml", used).model_dump(mode="json")
    documented = set(re.findall(r"^\| `(\w+)` \|", generate.recipe_tables(), re.MULTILINE))
    assert keys(recipe) | {"channels", "kernel", "stride", "pool"} == documented


def test_schema_is_a_schema(record_schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(record_schema)


@pytest.fixture(scope="module")
def real_record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """record.json of a run from corpus to score."""
    folder = tmp_path_factory.mktemp("docs")
    options = RunOptions(
        corpus=write_corpus(folder), out=folder / "run", cache=folder / "cache", check_lock=False
    )
    run(miniature_recipe(train__epochs=1), options)
    record: dict[str, Any] = json.loads((folder / "run" / "record.json").read_text(encoding="utf-8"))
    return record


def test_a_real_record_validates(real_record: dict[str, Any], record_schema: dict[str, Any]) -> None:
    assert real_record["status"] == "complete"
    jsonschema.validate(real_record, record_schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.update(remark="mine"),
        lambda record: record.update(format=1),
        lambda record: record.pop("recipe"),
        lambda record: record["recipe"]["train"].update(epoch=3),
        lambda record: record["results"]["test"].update(wer="8 %"),
    ],
)
def test_the_schema_refuses_what_is_no_record(
    spoil: Callable[[dict[str, Any]], object], real_record: dict[str, Any], record_schema: dict[str, Any]
) -> None:
    record = copy.deepcopy(real_record)
    spoil(record)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, record_schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("path", RECORDS, **by_name)
def test_published_records_validate(path: Path, record_schema: dict[str, Any]) -> None:
    """Each with the schema of its kind and format: those of older formats stay as they were published."""
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.get("kind") == "study":
        record_schema = json.loads((DOCS / "study.schema.json").read_text(encoding="utf-8"))
    elif record["format"] == 1:
        record_schema = json.loads((DOCS / "record-1.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, record_schema)


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_pages_are_of_no_single_machine(page: Path) -> None:
    assert not re.search(r"/(work|root|home/\w+|tmp)/", page.read_text(encoding="utf-8"))


def test_architecture_names_every_unit() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    units = {
        path.stem
        for path in (ROOT / "asr").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert {unit for unit in units if f"`{unit}`" not in text} == {"__init__"}
