"""A tokenizer from training texts, and from the JSON of a model."""

import base64
from collections.abc import Collection, Iterable
from typing import Any

from asr import recipe
from asr.errors import TokenizerError
from asr.pronunciations import Pronunciations
from asr.tokenizer.base import Tokenizer
from asr.tokenizer.characters import CharacterTokenizer
from asr.tokenizer.homophones import words_and_pairs
from asr.tokenizer.phones import PhoneTokenizer, phone_tokenizer
from asr.tokenizer.subwords import SubwordTokenizer, train_subwords


def build_tokenizer(
    settings: recipe.Tokenizer, texts: Iterable[str], pronunciations: Pronunciations | None = None
) -> Tokenizer:
    """The tokenizer of normalised training texts. Their order does not matter.

    With `settings.alphabet`, characters outside it are left to `encode` to refuse, which knows the utterance. So are
    words without a pronunciation.

    Args:
        pronunciations: for phones, as `settings.pronunciations` says.

    Raises:
        TokenizerError: no text at all, too little for that many subwords, or no word with a pronunciation.
    """
    if settings.kind == "characters":
        found: set[str] = set()
        for text in texts:
            if text.strip():
                found.update(text)
        _need_some(found)
        return CharacterTokenizer(sorted(set(settings.alphabet) or found))
    if settings.kind == "phones":
        if pronunciations is None:
            raise ValueError("phones need pronunciations")
        counts, pairs = words_and_pairs(texts)
        _need_some(counts)
        return phone_tokenizer(pronunciations, counts, pairs, boundaries=settings.boundaries)
    ordered = sorted(text for text in texts if text.strip())
    _need_some(ordered)
    if settings.alphabet:
        ordered = [text for text in ordered if set(text) <= set(settings.alphabet)]
    return SubwordTokenizer(train_subwords(ordered, settings.size))


def _need_some(found: Collection[str]) -> None:
    if not found:
        raise TokenizerError("the training texts have no characters at all; check the text of the corpus")


def tokenizer_from_json(tree: dict[str, Any]) -> Tokenizer:
    """The tokenizer that `to_json` described.

    Raises:
        TokenizerError: the JSON is not that of a tokenizer; the message says why.
    """
    try:
        match tree:
            case {"kind": "characters", "alphabet": [*alphabet], **rest} if not rest:
                return CharacterTokenizer(alphabet)
            case {"kind": "subwords", "sentencepiece": str(model), **rest} if not rest:
                return SubwordTokenizer(base64.b64decode(model, validate=True))
            case {
                "kind": "phones",
                "phones": [*phones],
                "boundaries": bool(boundaries),
                "source": str(source),
                "pronunciations": dict(pronunciations),
                "counts": dict(counts),
                "pairs": dict(pairs),
                **rest,
            } if not rest:
                return PhoneTokenizer(
                    phones, pronunciations, counts, pairs, boundaries=boundaries, source=source
                )
    except (ValueError, TypeError) as error:
        raise TokenizerError(f"the tokenizer cannot be built: {error}") from None
    raise TokenizerError(
        f"not a tokenizer: found the keys {sorted(map(str, tree))} and kind {tree.get('kind')!r}; "
        'expected kind "characters" with "alphabet", kind "subwords" with "sentencepiece", or kind "phones" with '
        '"phones", "boundaries", "source", "pronunciations", "counts" and "pairs"'
    )
