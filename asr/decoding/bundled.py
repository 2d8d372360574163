"""The decoder that a bundle carries: a search with its weights, its language model and its lexicon.

decoder.json            format, engine, weights and pruning, digests of the other two
language_model.arpa.gz  n-grams of words or of tokens, if there is a language model
lexicon.txt             a line for each spelling: the word, a tab, the names of its tokens, if there is a lexicon

model.json holds the digest of decoder.json, so a decoder that was lost or exchanged is noticed.
"""

import gzip
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from asr.decoding.decoder import GREEDY, Decoder
from asr.decoding.lexicon import Lexicon
from asr.decoding.ngram_model import NgramModel
from asr.decoding.priors import Priors
from asr.decoding.reader import Reader
from asr.decoding.rescoring import READINGS, AttentionUsed, Scorer, check
from asr.decoding.settings_used import SettingsUsed
from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.errors import BundleError, LanguageModelError
from asr.files import sha256_file, whole_file, write_json, write_text
from asr.frozen import Frozen
from asr.lm.text import open_text
from asr.model.described import Described
from asr.model.description import check_file, read_description
from asr.recipe import Hearings

FORMAT = 1
DECODER, LANGUAGE_MODEL, LEXICON = "decoder.json", "language_model.arpa.gz", "lexicon.txt"
_BLOCK = 1 << 20  # bytes


class DecoderDescription(Frozen):
    """decoder.json."""

    format: int
    settings: SettingsUsed
    language_model: str  # SHA-256 of language_model.arpa.gz; "" without one
    lexicon: str  # SHA-256 of lexicon.txt; "" without one
    priors: tuple[float, ...]  # mean posterior of each token on training data; empty: none were estimated
    attention: AttentionUsed | None = None  # an attention decoder in it; without one the key is not written
    hearings: Hearings = 1  # of an utterance, whose mean is read; the key is not written for one


def bundled_decoder(
    folder: Path, bundle: Described, which: Literal["greedy", "beam"] | None = None
) -> Decoder:
    """How a bundle's log-probs are read.

    Args:
        folder: of the bundle.
        which: None is the search where the bundle carries one, else greedy.

    Raises:
        BundleError: a search was asked for and the bundle carries none, or a file of it is missing or altered; the
            message names it.
    """
    if which == "greedy" or (which is None and not bundle.description.decoder):
        return GREEDY
    return load_decoder(folder, bundle)


def bundled_reader(
    folder: Path, bundle: Described, which: Literal["greedy", "beam"] | None = None, *, n_best: int = 1
) -> Reader:
    """The same, made ready. Arguments and errors are those of `bundled_decoder`.

    Args:
        n_best: readings that a search gives, at most.
    """
    return reader_of(folder, bundle, bundled_decoder(folder, bundle, which), n_best=n_best)


def reader_of(folder: Path, bundle: Described, decoder: Decoder, *, n_best: int = 1) -> Reader:
    """The reader of a bundle's decoder. Errors are those of `bundled_decoder`."""
    try:
        return decoder.reader(bundle.tokenizer, n_best)
    except ValueError as error:
        raise BundleError(f"{folder / DECODER}: {error}") from None
    except ModuleNotFoundError:
        raise BundleError(
            f"{folder / DECODER}: its weights were chosen with flashlight-text: pip install 'attest-asr[search]'"
        ) from None


def save_decoder(
    folder: Path,
    used: SettingsUsed,
    vocabulary: Vocabulary,
    *,
    language_model: Path | None = None,
    lexicon: Lexicon | None = None,
    priors: Priors | None = None,
    attention: AttentionUsed | None = None,
    hearings: int = 1,
) -> str:
    """Writes a decoder into the folder of a bundle; decoder.json comes last.

    Args:
        language_model: an ARPA file, compressed or not.

    Returns:
        SHA-256 of decoder.json, for model.json (`asr.model.bundle.name_decoder`).
    """
    if language_model is not None:
        _pack(language_model, folder / LANGUAGE_MODEL)
    if lexicon is not None:
        write_text(folder / LEXICON, lexicon_text(lexicon, vocabulary))
    description = DecoderDescription(
        format=FORMAT,
        settings=used,
        language_model=sha256_file(folder / LANGUAGE_MODEL) if language_model is not None else "",
        lexicon=sha256_file(folder / LEXICON) if lexicon is not None else "",
        priors=priors.values if priors is not None else (),
        attention=attention,
        hearings=hearings,
    )
    later = {"attention"} if attention is None else set()
    write_json(folder / DECODER, description.model_dump(mode="json", exclude=later))
    return sha256_file(folder / DECODER)


def lexicon_text(lexicon: Lexicon, vocabulary: Vocabulary) -> str:
    """What lexicon.txt says of a lexicon."""
    lines = [f"{word}\t{' '.join(map(vocabulary.name, tokens))}\n" for word, tokens in lexicon.spellings]
    return "".join(lines)


def decoder_files(folder: Path) -> tuple[str, ...]:
    """Names of the files of the decoder in a bundle's folder, decoder.json first.

    Raises:
        BundleError: decoder.json is missing, cannot be read, or is of another format.
    """
    if not (folder / DECODER).is_file():
        raise BundleError(f"{folder / DECODER}: missing, and model.json names it; get the bundle again")
    found = _description(folder / DECODER)
    parts = {LANGUAGE_MODEL: found.language_model, LEXICON: found.lexicon}
    return (DECODER, *(name for name, digest in parts.items() if digest))


def load_decoder(folder: Path, bundle: Described) -> Decoder:
    """Reads the decoder of a bundle, every file checked against its digest.

    Where an attention decoder is a part of it, a bundle without its weights in memory leaves that out: the decoder has
    a weight of it then, cannot be made ready, and is for `Decoder.by_ctc_alone`.

    Raises:
        BundleError: there is none, or a file is missing, altered, or of another format; the message names it.
    """
    if not bundle.description.decoder:
        raise BundleError(
            f"{folder}: this model carries no search; read it greedily, or evaluate one with `asr evaluate`"
        )
    check_file(folder / DECODER, bundle.description.decoder, "model.json")
    description = _description(folder / DECODER)
    model = lexicon = None
    if description.language_model:
        check_file(folder / LANGUAGE_MODEL, description.language_model, DECODER)
        try:
            model = NgramModel.read(folder / LANGUAGE_MODEL)
        except LanguageModelError as error:
            raise BundleError(str(error)) from None
    if description.lexicon:
        check_file(folder / LEXICON, description.lexicon, DECODER)
        lexicon = _lexicon(folder / LEXICON, vocabulary_of(bundle.tokenizer))
    used = description.settings
    priors = _priors(folder / DECODER, description, bundle)
    attention = description.attention
    if attention is not None and not bundle.description.model.attention_decoder.layers:
        raise BundleError(
            f"{folder / DECODER}: asks an attention decoder, and the model has none; get the bundle again"
        )
    return Decoder(
        "beam",
        used.to_search(),
        model,
        lexicon,
        used.engine,
        priors,
        used.prior_weight,
        attention_scorer(bundle),
        attention.weight if attention else 0.0,
        attention.readings if attention else READINGS,
        description.hearings,
    )


def bundled_attention(
    folder: Path, bundle: Described, which: Literal["greedy", "beam"] | None = None
) -> AttentionUsed | None:
    """The say of an attention decoder in how a bundle is read; nothing else of its search is loaded.

    Arguments are those of `bundled_decoder`.

    Raises:
        BundleError: decoder.json is missing or altered.
    """
    if which == "greedy" or not bundle.description.decoder:
        return None
    check_file(folder / DECODER, bundle.description.decoder, "model.json")
    return _description(folder / DECODER).attention


def attention_scorer(bundle: Described) -> Scorer | None:
    """The attention decoder of a bundle whose weights are in memory; None where it has none."""
    decoder = getattr(getattr(bundle, "model", None), "attention_decoder", None)
    if decoder is None:
        return None
    from asr.model.attention_scoring import AttentionScorer  # late: it loads torch

    return AttentionScorer(decoder)


def _description(path: Path) -> DecoderDescription:
    description = read_description(path, DecoderDescription, "decoder", FORMAT)
    try:
        description.settings.to_search()
        if description.attention is not None:
            check(description.attention.weight, description.attention.readings)
    except ValueError as error:
        raise BundleError(f"{path}: {error}") from None
    return description


def _priors(path: Path, description: DecoderDescription, bundle: Described) -> Priors | None:
    if not description.priors and not description.settings.prior_weight:
        return None
    if len(description.priors) != bundle.tokenizer.size:
        raise BundleError(
            f"{path}: priors of {len(description.priors)} tokens, and the model has {bundle.tokenizer.size}; get the "
            "bundle again"
        )
    try:
        return Priors(description.priors)
    except ValueError as error:
        raise BundleError(f"{path}: {error}") from None


def _lexicon(path: Path, vocabulary: Vocabulary) -> Lexicon:
    tokens = {vocabulary.name(token): token for token in range(1, vocabulary.size)}
    spellings = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], 1):
        word, tab, spelled = line.partition("\t")
        unknown = [name for name in spelled.split(" ") if name not in tokens]
        if not tab or unknown:
            found = (
                f"no token {unknown[0]!r} in the model" if tab else "expected a word, a tab and its tokens"
            )
            raise BundleError(f"{path}:{number}: {found}; get the bundle again")
        spellings.append((word, [tokens[name] for name in spelled.split(" ")]))
    try:
        return Lexicon(spellings)
    except ValueError as error:
        raise BundleError(f"{path}: {error}") from None


def _pack(source: Path, target: Path) -> None:
    """A compressed copy whose bytes depend on what the file says alone."""
    with ExitStack() as stack:
        raw = stack.enter_context(stack.enter_context(whole_file(target)).open("wb"))
        text = stack.enter_context(open_text(source))
        # No name and no time in its header.
        packed = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
        while block := text.read(_BLOCK):
            packed.write(block)
