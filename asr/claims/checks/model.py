"""Is the model beside the record the one that the record tells of."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.claims.checks.files import is_inside
from asr.claims.evidence import Evidence
from asr.claims.findings import Finding, NotChecked, contradiction, differences
from asr.errors import BundleError, TrainingError
from asr.runs.record import Record, TrailEntry
from asr.runs.tokenizer_used import describe_tokenizer
from asr.tokenizer import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor

_MODEL, _WEIGHTS = "model/model.json", "model/weights.safetensors"


def check_model(evidence: Evidence) -> Iterator[Finding]:
    """model.json has the recipe's architecture and the record's tokenizer; the weights have their digest and number."""
    model, folder = evidence.need_model(), evidence.need_folder()
    yield from _described(evidence, folder.bundle / "model.json")
    evidence.need_file(folder.bundle / "weights.safetensors")
    from asr.model.bundle import load_bundle, weights_digest

    try:
        bundle = load_bundle(folder.bundle)
    except (BundleError, OSError, RecursionError) as error:
        text = str(error).replace(f"{folder.path}/", "")
        yield Finding("invalid", _MODEL if _MODEL in text else _WEIGHTS, "", "", text)
        return
    tensors, by = bundle.model.state_dict(), f"the tensors of {_WEIGHTS}"
    made = {
        "weights_digest": weights_digest(tensors),
        "parameters": sum(value.numel() for value in tensors.values()),
    }
    for key, theirs in made.items():
        if getattr(model, key) != theirs:
            yield contradiction(f"model.{key}", getattr(model, key), theirs, by)
    yield from _same_tokenizer(evidence.need_record(), bundle.tokenizer)


def check_states(evidence: Evidence) -> Iterator[Finding]:
    """Weights, average and optimiser of each checkpoint that is there are those of the trail at its step."""
    evidence.need_format(2)
    record, root = evidence.need_record(), evidence.need_folder().path
    there = {entry.step: (row, entry) for row, entry in enumerate(record.trail)}
    names = [name for name in record.checkpoints if is_inside(name) and (root / name).is_file()]
    if not names:
        raise NotChecked("there are no checkpoints")
    from asr.training.checkpoint import kept_checkpoint, read_tensors

    for name in names:
        try:
            tensors, notes = read_tensors(root / name)
            step = _step(notes)
            if kept_checkpoint(root, step) != root / name:
                yield contradiction(name, step, name, "its name")
            elif step in there:
                yield from _same_state(name, tensors, *there[step])
            else:
                yield contradiction(name, step, sorted(there), "the trail has entries for these steps alone")
        except (TrainingError, ValueError, TypeError, RuntimeError) as error:
            message = f"is no checkpoint of a run ({str(error).replace(f'{root}/', '')})"
            yield Finding("invalid", name, "", "", message)


def _step(notes: Mapping[str, str]) -> int:
    """Raises ValueError or TypeError for notes that no checkpoint has."""
    cursor = json.loads(notes.get("cursor", "null"))
    step = cursor.get("total_steps") if isinstance(cursor, dict) else None
    if type(step) is not int:
        raise ValueError("it does not say of which step it is")
    return step


def _same_tokenizer(record: Record, tokenizer: Tokenizer) -> Iterator[Finding]:
    if record.tokenizer is None:
        raise NotChecked("the record names no tokenizer")
    made = describe_tokenizer(tokenizer).model_dump(mode="json")
    for key, ours, theirs in differences(record.tokenizer.model_dump(mode="json"), made, "tokenizer"):
        yield contradiction(key, ours, theirs, f"the tokenizer in {_MODEL}")


def _described(evidence: Evidence, path: Path) -> Iterator[Finding]:
    """The parts of model.json that the record has too."""
    record = evidence.need_record()
    try:
        tree = json.loads(evidence.need_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        yield Finding("invalid", _MODEL, "", "", f"is no JSON ({error})")
        return
    recipe = evidence.tree["recipe"]
    expected: dict[str, Any] = {
        key: recipe[key] for key in ("name", "text", "front_end", "model") if key in recipe
    }
    expected["recipe_digest"] = record.recipe_digest
    expected["weights"] = record.files.get(_WEIGHTS)
    found = {key: tree.get(key) for key in expected} if isinstance(tree, dict) else {}
    for key, ours, theirs in differences(found, expected):
        yield contradiction(f"{_MODEL}: {key}", ours, theirs, "the record")


def _same_state(name: str, tensors: Mapping[str, "Tensor"], row: int, entry: TrailEntry) -> Iterator[Finding]:
    from asr.model.bundle import weights_digest

    for part in ("weights", "average", "optimiser"):
        start = f"{part}."
        found = weights_digest(
            {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
        )
        if found != getattr(entry, part):
            yield contradiction(f"trail.{row}.{part}", getattr(entry, part), found, f"the state in {name}")
