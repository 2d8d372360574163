"""Text to whole numbers and back: characters, subwords or phones. Number 0 is the CTC blank in every tokenizer.

A tokenizer is plain data: it travels inside the model's JSON and is known by its digest.
"""

from asr.tokenizer.base import BLANK, Tokenizer
from asr.tokenizer.build import build_tokenizer, tokenizer_from_json
from asr.tokenizer.characters import CharacterTokenizer
from asr.tokenizer.phones import PhoneTokenizer
from asr.tokenizer.subwords import SubwordTokenizer

__all__ = [
    "BLANK",
    "CharacterTokenizer",
    "PhoneTokenizer",
    "SubwordTokenizer",
    "Tokenizer",
    "build_tokenizer",
    "tokenizer_from_json",
]
