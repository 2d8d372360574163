"""The estimator of confidence that a bundle carries: confidence.json, whose digest is in model.json.

The bundle of a finished run is a part of its sealed record and stays as it is: an estimator goes into a copy of it.
"""

import json
from pathlib import Path
from typing import Any

from asr.confidence.estimator import Trained
from asr.confidence.estimator_file import Description, read_estimator
from asr.confidence.way import described
from asr.decoding.bundled import load_decoder
from asr.decoding.decoder import GREEDY, Decoder
from asr.errors import BundleError, ConfidenceError
from asr.files import sha256_file
from asr.model.contents import CONFIDENCE, MODEL, Sources, bundle_sources, write_bundle
from asr.model.described import Described
from asr.model.description import check_file


def bundled_estimator(folder: Path, bundle: Described, decoder: Decoder) -> Trained | None:
    """How sure the model is of its words.

    Args:
        folder: of the bundle.
        decoder: how the words are read.

    Returns:
        None where the bundle carries none, or one for words that are read in another way.

    Raises:
        BundleError: its file is missing or altered, or not one for this model; the message names it.
    """
    if not bundle.description.confidence:
        return None
    trained, description = _read(folder, bundle)
    return trained if description.decoder == described(decoder) else None


def check_estimator(folder: Path, bundle: Described) -> None:
    """Raises BundleError if the bundle carries an estimator that cannot be used with it, however it is read."""
    if bundle.description.confidence:
        path, (_, description) = folder / CONFIDENCE, _read(folder, bundle)
        if description.decoder not in _ways(folder, bundle):
            raise BundleError(f"{path}: for words that are read in another way than this model reads them")


def sources_with(folder: Path, bundle: Described, estimator: Path) -> Sources:
    """The files of a bundle with an estimator among them, in the place of one that it carries.

    Args:
        estimator: a file of `asr confidence train`.

    Raises:
        ConfidenceError: it cannot be read, or is for another model or way to read.
        BundleError: a file of the bundle is missing.
    """
    _, description = read_estimator(estimator, weights=bundle.description.weights)
    check_read_by(folder, bundle, description.decoder, str(estimator))
    changed = bundle.description.model_copy(update={"confidence": sha256_file(estimator)})
    text = json.dumps(changed.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return {**bundle_sources(folder), MODEL: text.encode(), CONFIDENCE: estimator}


def check_read_by(folder: Path, bundle: Described, way: dict[str, Any], where: str) -> None:
    """
    Args:
        way: to read words (`asr.confidence.way.described`).
        where: that is said, for the error.

    Raises:
        ConfidenceError: a bundle by itself does not read so.
    """
    ways = _ways(folder, bundle)
    if way not in ways:
        names = " or ".join(str(each["name"]) for each in ways)
        raise ConfidenceError(
            f"{where}: words are read in another way ({way.get('name')}) than this model reads them by itself "
            f"({names}); an estimator of such words stays a file of its own"
        )


def copy_with(folder: Path, bundle: Described, estimator: Path, target: Path) -> None:
    """Writes `sources_with` into a new folder, which appears whole or not at all.

    Raises:
        ConfidenceError, BundleError: as of `sources_with`; or something is at `target`.
        StorageError: it cannot be written.
    """
    check_free(target)
    write_bundle(target, sources_with(folder, bundle, estimator))


def check_free(target: Path) -> None:
    """Raises BundleError if something is at the place of a new bundle."""
    if target.exists():
        raise BundleError(f"{target}: already there; a bundle is a new folder, choose another")


def _read(folder: Path, bundle: Described) -> tuple[Trained, Description]:
    path = folder / CONFIDENCE
    check_file(path, bundle.description.confidence, MODEL)
    try:
        return read_estimator(path, weights=bundle.description.weights)
    except ConfidenceError as error:
        raise BundleError(str(error)) from None


def _ways(folder: Path, bundle: Described) -> list[dict[str, Any]]:
    """In which a bundle can be read without anything else."""
    search = [load_decoder(folder, bundle)] if bundle.description.decoder else []
    return [described(decoder) for decoder in (GREEDY, *search)]
