"""Is all in the record that must be: every key and no other, each part as it was sealed, the recipe as its digest."""

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from asr.claims.evidence import Evidence
from asr.claims.findings import NOTHING, Finding, brief, shown
from asr.runs.formats import came_later
from asr.runs.record import Record
from asr.runs.seal import SEAL, canonical_digest, seal_of

# Keys that came with format 2, and the one that went.
_NEW = ("numerics", "trail", "outcomes", "checkpoints", SEAL, "corpus.shared", "corpus.waived")
_OLD = "corpus.shared_speakers"
# What the result depends on, of the keys that no model fixes.
_PACKAGES = (
    "torch",
    "numpy",
    "soundfile",
    "soxr",
    "safetensors",
    "sentencepiece",
    "jiwer",
    "rapidfuzz",
    "pydantic",
)
_PARTS = {
    "corpus.splits": ("train", "dev", "test"),
    "results": ("dev", "test"),
    "outcomes": ("dev", "test"),
    "environment.packages": _PACKAGES,
}
_FILLED = ("numerics", "corpus", "tokenizer", "model", "times", "sessions", "epochs", "trail", "files")


def check_keys(evidence: Evidence) -> Iterator[Finding]:
    """Every key that the format has, also those with a default; in a complete run none of them is empty."""
    yield from evidence.complaints
    old = evidence.format == 1
    # A recipe that has its digest is whole: a key that it does not have is one that it could not have then.
    older_recipe = recipe_digest(evidence) == evidence.tree.get("recipe_digest")
    for finding in _walk(Record, evidence.tree, "", defaults=not old):
        if finding.what.startswith("recipe.") and finding.code == "missing" and older_recipe:
            continue
        if old and (finding.what == _OLD or finding.what in _NEW or finding.what.endswith(".manifest")):
            continue  # looked at below
        yield finding
    if old:
        yield from _in_format_1(evidence)
    if evidence.complete:
        yield from _empty(evidence)


def check_status(evidence: Evidence) -> Iterator[Finding]:
    """A run that is not over claims nothing. One that has a seal was over once."""
    status = evidence.tree.get("status", NOTHING)
    if evidence.complete or status is NOTHING:
        return
    if evidence.tree.get(SEAL):
        message = f"is {brief(status)}, but the record is sealed, as only a complete one is"
        yield Finding("altered", "status", shown(status), '"complete"', message)
    else:
        message = (
            f"the run is {brief(status)}: it claims nothing yet; the command that began it goes on with it"
        )
        yield Finding("incomplete", "status", shown(status), '"complete"', message)


def check_seal(evidence: Evidence) -> Iterator[Finding]:
    """Names the parts that are not as they were when the record was written."""
    if evidence.format == 1 and SEAL not in evidence.tree:
        evidence.need_format(2)
    if SEAL not in evidence.tree or not evidence.tree[SEAL]:
        evidence.need_complete()
    sealed = evidence.tree.get(SEAL, NOTHING)
    if not isinstance(sealed, dict) or not sealed:
        yield Finding(
            "missing", SEAL, shown(sealed), "", "a complete record has a digest of each of its parts here"
        )
        return
    found = seal_of(evidence.tree)
    for key in [*found, *(key for key in sealed if key not in found)]:
        ours, theirs = found.get(key, NOTHING), sealed.get(key, NOTHING)
        if ours is NOTHING:
            message = f"is gone, though {SEAL}.{key} has its digest"
            yield Finding("missing", key, "nothing", shown(theirs), message)
        elif theirs is NOTHING:
            message = f"has no digest: {SEAL}.{key} is missing"
            yield Finding("unsealed", key, "nothing", shown(ours), message)
        elif ours != theirs:
            message = f"altered: its digest is {brief(ours)}, {SEAL}.{key} is {brief(theirs)}"
            yield Finding("altered", key, shown(ours), shown(theirs), message)


def check_recipe(evidence: Evidence) -> Iterator[Finding]:
    """Over the recipe as it is written, so that one of an older version has the digest that it had."""
    claimed, found = evidence.tree.get("recipe_digest", NOTHING), recipe_digest(evidence)
    if found != claimed:
        message = f"the recipe has another digest ({brief(found)}) than recipe_digest says ({brief(claimed)})"
        yield Finding("altered", "recipe", shown(found), shown(claimed), message)
    yield from _folder_name(evidence)


def recipe_digest(evidence: Evidence) -> str | None:
    """As Recipe.digest() computes it; None without a recipe."""
    recipe = evidence.tree.get("recipe")
    return canonical_digest(recipe) if isinstance(recipe, dict) else None


def _folder_name(evidence: Evidence) -> Iterator[Finding]:
    """Run folders are named after their recipe, unless somebody chose another name."""
    recipe = evidence.tree.get("recipe")
    if evidence.folder is None or not isinstance(recipe, dict):
        return
    start, _, digits = evidence.folder.path.resolve().name.rpartition("-")
    of_a_recipe = len(digits) == 8 and set(digits) <= set("0123456789abcdef")
    claimed = str(evidence.tree.get("recipe_digest"))[:8]
    if of_a_recipe and start == f"{recipe.get('name')}-s{recipe.get('seed')}" and digits != claimed:
        message = f"the folder is called {start}-{digits}, and its run has recipe {claimed}"
        yield Finding("other-name", "recipe_digest", shown(digits), shown(claimed), message, remark=True)


def _in_format_1(evidence: Evidence) -> Iterator[Finding]:
    """Claiming to be of the older format must not switch checks off."""
    tree, corpus = evidence.tree, evidence.tree.get("corpus")
    parts = {"": tree, "corpus.": corpus if isinstance(corpus, dict) else {}}
    newer = [f"{start}{key}" for start, part in parts.items() for key in part if f"{start}{key}" in _NEW]
    if newer:
        message = f"is 1, but the record has keys that came with format 2: {', '.join(sorted(newer))}"
        yield Finding("altered", "format", "1", "2", message)
    elif isinstance(corpus, dict) and "shared_speakers" not in corpus:
        yield _missing(_OLD)


def _walk(model: type[BaseModel], value: Any, key: str, *, defaults: bool) -> Iterator[Finding]:
    """Missing and unknown keys of everything below `key`; whether also keys with a default must be there."""
    if not isinstance(value, dict):
        return  # the wrong type has been named
    dot = f"{key}." if key else ""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for name in value:
        if name not in fields:
            message = f"no record has this key; allowed here: {', '.join(fields)}"
            yield Finding("unknown", f"{dot}{name}", shown(value[name])[:200], "nothing", message)
    for name, field in fields.items():
        if name in value:
            yield from _inside(field.annotation, value[name], f"{dot}{name}", defaults=defaults)
        elif (defaults and not came_later(field)) or field.is_required():
            yield _missing(f"{dot}{name}")


def _inside(annotation: Any, value: Any, key: str, *, defaults: bool) -> Iterator[Finding]:
    """Walks into the models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _walk(annotation, value, key, defaults=defaults)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        for one in inner:
            yield from _inside(one, value, key, defaults=defaults)
    elif origin in (list, tuple) and isinstance(value, list):
        for row, item in enumerate(value):
            yield from _inside(inner[0], item, f"{key}.{row}", defaults=defaults)
    elif origin is dict and isinstance(value, dict):
        for name, item in value.items():
            yield from _inside(inner[1], item, f"{key}.{name}", defaults=defaults)


def _missing(key: str) -> Finding:
    return Finding("missing", key, "nothing", "", "this key is missing")


def _empty(evidence: Evidence) -> Iterator[Finding]:
    for key in _FILLED:
        if not evidence.tree.get(key) and not (evidence.format == 1 and key in _NEW):
            message = "is missing or empty, which it is in no complete run"
            yield Finding("missing", key, shown(evidence.tree.get(key, NOTHING)), "", message)
    for key, names in _PARTS.items():
        value: Any = evidence.tree
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, dict):
            yield from (_missing(f"{key}.{name}") for name in names if name not in value)
