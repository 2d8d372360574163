"""Which models there are, told from their descriptions alone: no weights are read."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asr.decoding.bundled import LANGUAGE_MODEL
from asr.errors import AsrError, BundleError
from asr.model.contents import bundle_sources, record_beside
from asr.model.description import Description, read_bundle_description
from asr.model.named import bundle_in, can_be, is_name, models_folder
from asr.models.provenance import test_result
from asr.runs.record import read_record
from asr.tokenizer import tokenizer_from_json

DEEPEST = 6  # folders below a given one


@dataclass(frozen=True)
class Listed:
    """A model as its folder describes it."""

    model: str  # what `--model` takes: its name, or the path of the bundle or run
    folder: Path  # of the bundle
    fault: str = ""  # why it cannot be used; then there is nothing else
    recipe: str = ""  # name of the recipe that made it
    bytes: int = 0  # of all its files
    sample_rate: int = 0  # Hz
    tokens: str = ""  # kind: characters, subwords, phones, ...
    vocabulary: int = 0  # tokens, the blank included
    search: bool = False  # whether it carries a beam search
    language_model: bool = False  # and a language model for it
    confidence: bool = False  # whether it carries an estimator of confidence
    weights: str = ""  # SHA-256 of weights.safetensors
    test_wer: float | None = None  # of its own way to read, as the record says; None without one
    unit: str = "word"  # that its errors are counted in

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder)}


def named_models() -> list[Listed]:
    """Those of the models folder, by name.

    Raises:
        BundleError: the folder cannot be looked into.
    """
    folder = models_folder()
    try:
        found = sorted(each for each in folder.iterdir() if is_name(each.name) and each.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BundleError(
            f"{folder}: cannot be read: {error.strerror}; ASR_MODELS names another folder"
        ) from None
    return [listed(bundle, each.name) for each in found if (bundle := bundle_in(each))]


def models_under(folder: Path) -> list[Listed]:
    """Bundles and runs in a folder and below it, or the one that it is, by path. Links are not followed.

    Raises:
        BundleError: there is no such folder.
    """
    if not can_be(folder.is_dir):
        is_file = can_be(folder.is_file)
        what = "is a file; `asr models check` tells about one" if is_file else "no such folder"
        raise BundleError(f"{folder}: {what}")
    return [listed(bundle, str(place)) for place, bundle in _bundles(folder)]


def listed(bundle: Path, model: str) -> Listed:
    """What a bundle folder says of itself.

    Args:
        model: what it is called.
    """
    try:
        description = read_bundle_description(bundle)
        sources = bundle_sources(bundle)
        return Listed(
            model,
            bundle,
            recipe=description.name,
            bytes=sum(path.stat().st_size for path in sources.values() if isinstance(path, Path)),
            sample_rate=description.front_end.sample_rate,
            tokens=str(description.tokenizer.get("kind", "")),
            vocabulary=tokenizer_from_json(description.tokenizer).size,
            search=bool(description.decoder),
            language_model=LANGUAGE_MODEL in sources,
            confidence=bool(description.confidence),
            weights=description.weights,
            **_rate(bundle, description),
        )
    except (AsrError, OSError) as error:
        return Listed(model, bundle, fault=str(error))


def _rate(bundle: Path, description: Description) -> dict[str, Any]:
    record = record_beside(bundle)
    if record is None:
        return {}
    try:
        found = test_result(read_record(record), description)
    except AsrError:  # a model works without its record; `asr models check` says what is wrong with it
        return {}
    return {"test_wer": found.wer, "unit": found.unit} if found is not None else {}


def _bundles(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Places that `--model` can take, and the bundle of each."""
    depth = len(folder.parts)
    for here, names, _ in os.walk(folder):
        place = Path(here)
        names[:] = _worth_looking(names) if len(place.parts) - depth < DEEPEST else []
        if bundle := bundle_in(place):
            names.clear()
            yield place, bundle


def _worth_looking(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("."))
