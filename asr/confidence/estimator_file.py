"""A trained estimator as a file: JSON, with a digest of all that is in it. Nothing in it is code."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from asr.confidence.calibration import Calibration
from asr.confidence.estimator import Trained
from asr.confidence.features import FEATURES
from asr.confidence.forest import Forest
from asr.decoding.vocabulary import Vocabulary
from asr.errors import ConfidenceError
from asr.files import write_text
from asr.frozen import Frozen, first_problem

FORMAT: Literal[1] = 1


class Curve(Frozen):
    """A calibration."""

    slope: float
    offset: float
    floor: float


class TrainedOn(Frozen):
    """What an estimator was fitted to, and how."""

    utterances: int  # of the development part
    speakers: int
    words: int  # recognised in them
    wrong: int  # of these
    changes: tuple[str, ...]  # in which other ways the utterances were heard, for the forest
    trees: int  # 0 without a forest
    leaf: int  # words in a leaf at least
    seed: int
    scikit_learn: str  # version that grew the forest; "" without one


class Description(Frozen):
    """The file, but for its forest and its digest."""

    format: Literal[1] = FORMAT
    method: str  # forest, or the feature that is calibrated
    features: tuple[str, ...]  # in the order of the forest's numbers
    symbols: tuple[str, ...]  # text of each token of the model; the first is the blank
    weights: str  # SHA-256 of the model's weights
    decoder: dict[str, Any]  # how the words were read: name, settings, digests
    n_best: int  # readings that a search gave
    of_words: Curve
    of_utterances: Curve
    trained_on: TrainedOn


def save_estimator(
    path: Path, estimator: Trained, *, weights: str, decoder: dict[str, Any], trained_on: TrainedOn
) -> Description:
    """Writes the file; of the same estimator the same bytes.

    Raises:
        StorageError: it cannot be written.
    """
    description = Description(
        method=estimator.method,
        features=FEATURES,
        symbols=estimator.vocabulary.symbols,
        weights=weights,
        decoder=decoder,
        n_best=estimator.n_best,
        of_words=_curve(estimator.of_words),
        of_utterances=_curve(estimator.of_utterances),
        trained_on=trained_on,
    )
    tree = description.model_dump(mode="json")
    tree["forest"] = estimator.forest.to_json() if estimator.forest is not None else None
    lines = [
        f"{json.dumps(key)}: {_canonical(value)}" for key, value in {**tree, "digest": _digest(tree)}.items()
    ]
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")  # a line a key: a forest is long
    return description


def load_estimator(
    path: Path, *, weights: str | None = None, decoder: dict[str, Any] | None = None
) -> Trained:
    """Reads a file of `asr confidence train`.

    Args:
        weights: of the model that it is to be used with (`bundle.description.weights`), to be compared; None: any.
        decoder: how words are read (`asr.confidence.way.described`), likewise.

    Raises:
        ConfidenceError: no such file, altered, of another format, or made for another model or another way to read;
            the message names it.
    """
    trained, description = read_estimator(path, weights=weights)
    if decoder is not None:
        check_way(path, description, decoder)
    return trained


def check_way(path: Path, description: Description, decoder: dict[str, Any]) -> None:
    """Raises ConfidenceError, which says what differs, if an estimator is for words that are read otherwise."""
    known = description.decoder
    names = sorted(key for key in {*decoder, *known} if decoder.get(key) != known.get(key))
    if names:
        raise ConfidenceError(
            f"{path}: trained for words that are read in another way ({known.get('name')}, here "
            f"{decoder.get('name')}; different: {', '.join(names)}); read them as it was trained, or train another one"
        )


def read_estimator(path: Path, *, weights: str | None = None) -> tuple[Trained, Description]:
    """And what the file says of it. Arguments and errors are those of `load_estimator`."""
    tree = _tree(path)
    forest = tree.pop("forest")
    try:
        description = Description.model_validate_json(json.dumps(tree))
        if description.features != FEATURES:
            raise ConfidenceError(
                f"{path}: made by another version of Attest, which looked at other features of a word; train it again"
            )
        trained = Trained(
            Vocabulary(description.symbols),
            description.method,
            Forest.from_json(forest, len(FEATURES)) if forest is not None else None,
            _calibration(description.of_words),
            _calibration(description.of_utterances),
            description.n_best,
        )
    except ValidationError as error:
        raise ConfidenceError(f"{path}: {first_problem(error)}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfidenceError(f"{path}: no such estimator: {error}") from None
    if trained.forest is None and trained.method not in FEATURES:
        raise ConfidenceError(
            f"{path}: method {trained.method!r}, and no forest; expected one of {', '.join(FEATURES)}"
        )
    if weights is not None and weights != description.weights:
        raise ConfidenceError(
            f"{path}: made for another model (weights {description.weights[:12]}…, this one has {weights[:12]}…); "
            "train one for this model with `asr confidence train`"
        )
    return trained, description


def _tree(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfidenceError(f"{path}: no such file; `asr confidence train` makes one") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfidenceError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(tree, dict) or tree.keys() != {*Description.model_fields, "forest", "digest"}:
        found = tree.get("format") if isinstance(tree, dict) else None
        about = f"format {found!r}" if found not in (None, FORMAT) else "other keys than expected"
        raise ConfidenceError(f"{path}: no confidence estimator of format {FORMAT} ({about})")
    if tree.pop("digest") != _digest(tree):
        raise ConfidenceError(f"{path}: altered or damaged: its digest is another one; train it again")
    return tree


def _digest(tree: dict[str, Any]) -> str:
    """SHA-256 of everything else, sorted by key."""
    return hashlib.sha256(_canonical(tree).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _curve(calibration: Calibration) -> Curve:
    return Curve(slope=calibration.slope, offset=calibration.offset, floor=calibration.floor)


def _calibration(curve: Curve) -> Calibration:
    if not (curve.slope > 0 and 0 < curve.floor < 0.5):
        raise ValueError(f"a slope above 0 and a floor of 0 to 0.5 are needed, got {curve}")
    return Calibration(curve.slope, curve.offset, curve.floor)
