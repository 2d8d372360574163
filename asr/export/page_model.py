"""reading.json: what a page in a browser has to know of a model besides its ONNX file, to make words of log-probs.

Nothing in it is computed there anew that could come out otherwise: costs of words are whole numbers, lengths samples.
"""

from typing import Any

from asr.decoding.vocabulary import vocabulary_of
from asr.model.described import Described
from asr.model.exported import Export
from asr.tokenizer import PhoneTokenizer, Tokenizer
from asr.tokenizer.segmentation import ranked
from asr.transcribe.windows import Windows

FORMAT = 1


def reading_of(bundle: Described, export: Export) -> dict[str, Any]:
    """As JSON: name, digests, sample rate in Hz, how sound is cut (samples), and what the tokens stand for."""
    description = bundle.description
    windows = Windows.of(description.front_end, description.model)
    return {
        "format": FORMAT,
        "name": description.name,
        "digest": export.weights,
        "onnx": export.onnx,
        "bytes": export.bytes,
        "precision": export.precision,
        "sample_rate": description.front_end.sample_rate,
        "windows": {
            "whole": windows.whole,
            "step": windows.step,
            "overlap": windows.overlap,
            "grid": windows.grid,
            "hop": windows.hop,
            "centre": windows.centre,
        },
        "tokens": tokens_of(bundle.tokenizer),
    }


def tokens_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """The text of each token; of phones the words, and what chooses among them, too."""
    kind = tokenizer.to_json()["kind"]
    found: dict[str, Any] = {"kind": kind, "symbols": list(vocabulary_of(tokenizer).symbols)}
    if isinstance(tokenizer, PhoneTokenizer):
        found |= {
            "boundary": tokenizer.boundary,
            "spelled": _spelled(tokenizer),
            "counts": tokenizer.counts,
            "pairs": tokenizer.pairs,
        }
    return found


def _spelled(tokenizer: PhoneTokenizer) -> list[tuple[str, list[int], int]]:
    """Words of the training texts, their tokens and cost, in the order of asr.tokenizer.segmentation.Segmenter."""
    every = ((word, way) for word in tokenizer.counts for way in tokenizer.spellings(word))
    return [(word, list(way), cost) for cost, word, way in ranked(every, tokenizer.counts)]
