"""Writes what in docs/ follows from the code, so that it cannot go stale: `make docs`.

- recipes.md and record.md: the tables of keys below the line GENERATED. Types and defaults come from the pydantic
  models, meanings from the comment that stands behind each field in the source.
- record.schema.json: `asr.runs.record.schema()`; benchmark.schema.json: `asr.benchmark.record.schema()`;
  study.schema.json: `asr.tuning.record.schema()`.

tests/test_docs.py fails when a file is not what this script would write.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asr.benchmark.record
import asr.decoding.rescoring
import asr.decoding.settings_used
import asr.recipe.corpus
import asr.recipe.init
import asr.recipe.model
import asr.recipe.recipe
import asr.recipe.result
import asr.recipe.risk
import asr.recipe.training
import asr.runs.environment
import asr.runs.initial_used
import asr.runs.numerics_used
import asr.runs.record
import asr.runs.search_used
import asr.runs.tokenizer_used
import asr.tuning.record
from asr.recipe import Recipe
from asr.runs.record import Record, schema

DOCS = Path(__file__).resolve().parent
GENERATED = "<!-- from here on written by docs/generate.py: change the code, then run `make docs` -->"
MODULES = (
    *(
        asr.recipe.corpus,
        asr.recipe.init,
        asr.recipe.model,
        asr.recipe.recipe,
        asr.recipe.result,
        asr.recipe.risk,
        asr.recipe.training,
    ),
    *(asr.runs.record, asr.runs.environment, asr.runs.numerics_used),
    *(asr.runs.initial_used, asr.runs.search_used, asr.runs.tokenizer_used, asr.decoding.settings_used),
    asr.decoding.rescoring,
)

Tree = dict[str, Any]  # JSON schema
RECIPE: Tree = Recipe.model_json_schema()
RECORD: Tree = Record.model_json_schema(mode="serialization")


def generated() -> dict[Path, str]:
    """Every file that the script keeps, with its contents."""
    recipes, record = DOCS / "recipes.md", DOCS / "record.md"
    return {
        recipes: _prose(recipes) + recipe_tables(),
        record: _prose(record) + record_tables(),
        DOCS / "record.schema.json": _json(schema()),
        DOCS / "benchmark.schema.json": _json(asr.benchmark.record.schema()),
        DOCS / "study.schema.json": _json(asr.tuning.record.schema()),
    }


def _json(tree: Tree) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def recipe_tables() -> str:
    """One table a section of the recipe."""
    parts = [_section("Top level", "Recipe", RECIPE)]
    for key, name, repeated in _tables(RECIPE, ""):
        title = f"`[[{key}]]`" if repeated else f"`[{key}]`"
        parts.append(_section(title, name, RECIPE["$defs"][name]))
    return "".join(parts)


def record_tables() -> str:
    """One table an object of the record. The recipe has a page of its own."""
    parts = [_section("The record", "Record", RECORD)]
    seen = {"Recipe"}
    waiting = _references(RECORD["properties"])
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            model = RECORD["$defs"][name]
            waiting = _references(model["properties"]) + waiting
            parts.append(_section(name, name, model))
    return "".join(parts)


def _prose(path: Path) -> str:
    """What people write above the line."""
    return path.read_text(encoding="utf-8").partition(GENERATED)[0] + GENERATED + "\n"


def _tables(model: Tree, prefix: str) -> Iterator[tuple[str, str, bool]]:
    """Dotted key, model and whether it is an array, for each TOML table below `model`."""
    for key, field in model["properties"].items():
        repeated = field.get("type") == "array"
        reference = (field.get("items", {}) if repeated else field).get("$ref")
        if reference:
            name = reference.rpartition("/")[2]
            yield prefix + key, name, repeated
            yield from _tables(RECIPE["$defs"][name], f"{prefix}{key}.")


def _references(part: Tree) -> list[str]:
    """Names of the models that a part of a schema refers to."""
    return re.findall(r'"#/\$defs/(\w+)"', json.dumps(part))


def _section(title: str, name: str, model: Tree) -> str:
    comments, docstring = _comments()[name]
    with_defaults = name == "Recipe" or name in RECIPE["$defs"]
    columns = ("key", "type", "default", "meaning") if with_defaults else ("key", "type", "meaning")
    rows = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    for key, field in model["properties"].items():
        cells = [f"`{key}`", _type(field)]
        if with_defaults:
            required = key in model.get("required", ())
            cells.append("needed" if required else _default(field))
        cells.append(comments.get(key) or _meaning_of_table(field))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return f"\n## {title}\n\n{docstring}\n\n" + "\n".join(rows) + "\n"


def _meaning_of_table(field: Tree) -> str:
    """Of a key without a comment: what the class says of itself."""
    names = _references(field)
    return _comments()[names[0]][1].partition("\n")[0] if names else ""


def _comments() -> dict[str, tuple[dict[str, str], str]]:
    """For each class: the comment behind each field, and the docstring."""
    found = {}
    for module in MODULES:
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
                comments = {_key(item): _comment(lines, item) for item in fields}
                found[node.name] = comments, ast.get_docstring(node) or ""
    return found


def _key(field: ast.AnnAssign) -> str:
    """As it is written in TOML and JSON."""
    value = field.value
    aliases = [word.value for word in getattr(value, "keywords", ()) if word.arg == "alias"]
    return str(ast.literal_eval(aliases[0])) if aliases else ast.unparse(field.target)


def _comment(lines: list[str], field: ast.AnnAssign) -> str:
    assert field.end_lineno is not None
    rest = lines[field.end_lineno - 1].encode()[field.end_col_offset :].decode()
    return rest.partition("#")[2].strip()


def _default(field: Tree) -> str:
    if "$ref" in field:
        return "see below"
    if "default" not in field:
        return "none"
    return f"`{_toml(field['default'])}`"


def _toml(value: Any) -> str:
    """Inline TOML, numbers as Python writes them."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)


def _type(field: Tree) -> str:
    """A JSON schema in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if name == "Recipe":
            return "[recipe](recipes.md)"
        return "table" if name in RECIPE["$defs"] else f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(item) for item in field["anyOf"])
    if "enum" in field or "const" in field:
        return " or ".join(f"`{json.dumps(value)}`" for value in field.get("enum", [field.get("const")]))
    kind = field["type"]
    if kind == "array":
        items = field.get("prefixItems")
        return f"array of {len(items)}: {_type(items[0])}" if items else f"array of {_type(field['items'])}"
    if kind == "object":
        return (
            f"object of {_type(field['additionalProperties'])}"
            if field.get("additionalProperties")
            else "object"
        )
    words = {"integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
    return str(words.get(kind, kind)) + _limits(field)


def _limits(field: Tree) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field]
    if "pattern" in field:
        limits.append(f"like `{field['pattern']}`")
    return f" {', '.join(limits)}" if limits else ""


if __name__ == "__main__":
    for path, contents in generated().items():
        path.write_text(contents, encoding="utf-8", newline="\n")
        print(path.relative_to(DOCS.parent))
