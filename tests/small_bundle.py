"""A bundle of untrained weights, as small as one can be, and a search of two words in it: made in a blink."""

from pathlib import Path

from asr.decoding.bundled import save_decoder
from asr.decoding.lexicon import Lexicon
from asr.decoding.settings import SearchSettings
from asr.decoding.settings_used import SettingsUsed
from asr.decoding.vocabulary import vocabulary_of
from asr.model.acoustic import new_model
from asr.model.bundle import name_decoder, save_bundle
from asr.recipe import FrontEnd, Model
from asr.tokenizer import CharacterTokenizer

LETTERS = CharacterTokenizer(" eghnos")


def write_bundle(folder: Path) -> Path:
    """Without a search."""
    front_end, settings = FrontEnd(sample_rate=8000, mels=8), Model(projection=4, layers=1, hidden=3)
    model = new_model(front_end, settings, LETTERS.size, 1)
    save_bundle(folder, model.eval(), LETTERS, name="test", text="plain-1")
    return folder


def write_searching_bundle(folder: Path) -> Path:
    """With one, and a lexicon of "go" and "on"."""
    write_bundle(folder)
    used = SettingsUsed.of(SearchSettings(beam=20), "plain", 0.0)
    words = Lexicon.of_words(["go", "on"], LETTERS)
    name_decoder(folder, save_decoder(folder, used, vocabulary_of(LETTERS), lexicon=words))
    return folder
