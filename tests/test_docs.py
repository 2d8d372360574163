"""What the documentation says is so: generated parts are current, links lead somewhere, commands parse."""

import copy
import importlib.util
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from miniature import recipe as miniature_recipe
from miniature import write_corpus

from asr.cli.main import _parser
from asr.recipe_file import load_recipe
from asr.runs.options import RunOptions
from asr.runs.run import run

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md"), ROOT / "benchmarks" / "README.md"]
)
RECORDS = sorted((DOCS / "results").rglob("*.json"))
by_name = {"ids": lambda path: path.relative_to(ROOT).as_posix()}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    specification = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((DOCS / "record.schema.json").read_text(encoding="utf-8"))
    return schema


@pytest.mark.parametrize("name", ["recipes.md", "record.md", "record.schema.json"])
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

    recipe = load_recipe(ROOT / "recipes" / "an4.toml").model_dump(mode="json")
    documented = set(re.findall(r"^\| `(\w+)` \|", generate.recipe_tables(), re.MULTILINE))
    assert keys(recipe) | {"channels", "kernel", "stride"} == documented


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
    """Each with the schema of its format: those of older formats stay as they were published."""
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["format"] == 1:
        record_schema = json.loads((DOCS / "record-1.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, record_schema)


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_commands_are_right(page: Path) -> None:
    """Commands and options parse, recipes and make targets exist."""
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    joined = re.sub(r"\\\n *", "", text)  # of a command that goes on in the next line
    for line in re.findall(r"^ {4}(?:\$ )?(asr .*)$|`(asr [a-z]+ [^`\n]*)`", joined, re.MULTILINE):
        _parser().parse_args(shlex.split("".join(line), comments=True)[1:])
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for recipe in re.findall(r"\brecipes/([\w-]+)\.toml", text):
        assert recipe == "mine" or (ROOT / "recipes" / f"{recipe}.toml").is_file()


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


def _anchor(heading: str) -> str:
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
