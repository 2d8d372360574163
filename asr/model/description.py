"""The JSON files of a bundle: read and checked against what they have to say."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from asr.errors import BundleError
from asr.files import sha256_file
from asr.frozen import Frozen, first_problem
from asr.recipe import FrontEnd, Model
from asr.text import TextVersion

T = TypeVar("T", bound=Frozen)
FORMAT = 1  # of model.json


class Description(Frozen):
    """model.json."""

    format: int
    name: str
    front_end: FrontEnd
    model: Model
    text: TextVersion
    tokenizer: dict[str, Any]
    weights: str  # SHA-256 of weights.safetensors
    recipe_digest: str  # of the run that made it; "" when unknown
    decoder: str = ""  # SHA-256 of decoder.json; "" without a search, and then the key is not written
    confidence: str = ""  # likewise of confidence.json; "" without an estimator of confidence
    onnx: str = ""  # likewise of export.json; "" without an ONNX file

    def to_json(self) -> dict[str, Any]:
        later = {name for name in ("decoder", "confidence", "onnx") if not getattr(self, name)}
        return self.model_dump(mode="json", exclude=later)


def read_bundle_description(folder: Path) -> Description:
    """model.json of a bundle.

    Raises:
        BundleError: it is missing, cannot be read, or is of another format.
    """
    try:
        return read_description(folder / "model.json", Description, "bundle", FORMAT)
    except FileNotFoundError:
        raise BundleError(f"{folder}: no model here (no model.json); give a bundle folder or a run") from None
    except NotADirectoryError:
        raise BundleError(f"{folder}: is a file; a model is a bundle folder or a run folder") from None


def read_description(path: Path, kind: type[T], what: str, version: int) -> T:
    """
    Args:
        what: it describes, for errors.
        version: of its format, which is its key `format`.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no such file.
        BundleError: it cannot be read, or is of another format.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: not a readable JSON file ({error})") from None
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != version:
        raise BundleError(f"{path}: {what} format {found!r}; this version of Attest reads format {version}")
    try:
        return kind.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        raise BundleError(f"{path}: {first_problem(error)}") from None


def check_file(path: Path, expected: str, says: str) -> None:
    """
    Args:
        expected: SHA-256 of its bytes.
        says: which file does, for the error.

    Raises:
        BundleError: the file is missing or another one.
    """
    if not path.is_file():
        raise BundleError(f"{path}: missing, and {says} names it; get the bundle again")
    found = sha256_file(path)
    if found != expected:
        raise BundleError(
            f"{path}: altered or damaged: SHA-256 is {found[:12]}…, {says} says {expected[:12]}…; get the bundle again"
        )
