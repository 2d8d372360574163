"""What a model says of itself, without its weights: enough to read what it hears, and no torch is loaded for it."""

from dataclasses import dataclass
from pathlib import Path

from asr.errors import BundleError, TokenizerError
from asr.model.description import Description, read_bundle_description
from asr.tokenizer import Tokenizer, tokenizer_from_json


@dataclass(frozen=True)
class Described:
    """A model, as far as it is JSON."""

    description: Description
    tokenizer: Tokenizer


def read_described(folder: Path) -> Described:
    """model.json of a bundle, and its tokenizer.

    Raises:
        BundleError: it is missing, cannot be read, or is of another format.
    """
    description = read_bundle_description(folder)
    try:
        return Described(description, tokenizer_from_json(description.tokenizer))
    except TokenizerError as error:
        raise BundleError(f"{folder / 'model.json'}: {error}") from None
