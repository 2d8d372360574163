"""The decoder of a bundle: what is loaded is what was saved, and what was tampered with is refused by name."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_bundle import LETTERS, write_bundle

from asr.decoding.bundled import bundled_reader, load_decoder, save_decoder
from asr.decoding.lexicon import Lexicon
from asr.decoding.priors import Priors
from asr.decoding.settings import SearchSettings
from asr.decoding.settings_used import SettingsUsed
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import BundleError
from asr.lm.train import Settings, train
from asr.model.bundle import Bundle, load_bundle, name_decoder, save_bundle

USED = SettingsUsed.of(SearchSettings(lm_weight=0.75, word_score=1.5, beam=20), "plain", 0.3)
PRIORS = Priors((0.3, *[0.1] * 7))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without a search."""
    return write_bundle(tmp_path_factory.mktemp("plain") / "model")


@pytest.fixture(scope="module")
def saved(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a search, a language model and a lexicon."""
    home = tmp_path_factory.mktemp("saved")
    (home / "text").write_text("go on\nno one goes\n", encoding="utf-8")
    train([home / "text"], home / "model.arpa", Settings(order=2))
    folder = Path(shutil.copytree(plain, home / "model"))
    words = Lexicon.of_words(["go", "on", "no", "one"], LETTERS)
    arpa = home / "model.arpa"
    digest = save_decoder(
        folder, USED, vocabulary_of(LETTERS), language_model=arpa, lexicon=words, priors=PRIORS
    )
    name_decoder(folder, digest)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def noise() -> np.ndarray:
    scores = np.random.default_rng(1).standard_normal((12, LETTERS.size)) * 3
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def complaint(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        bundled_reader(folder, load_bundle(folder), "beam")
    return str(caught.value)


def test_round_trip(saved: Path) -> None:
    decoder = load_decoder(saved, load_bundle(saved))
    assert decoder.settings is not None and decoder.priors == PRIORS
    assert SettingsUsed.of(decoder.settings, decoder.engine, decoder.prior_weight) == USED
    assert decoder.lexicon is not None and decoder.model is not None
    assert decoder.lexicon.spellings == Lexicon.of_words(["go", "on", "no", "one"], LETTERS).spellings
    assert "goes" in decoder.model and "gone" not in decoder.model
    assert (saved / "lexicon.txt").read_text(encoding="utf-8").splitlines()[0] == "go\tg o"
    search = decoder.search(LETTERS, n_best=3)
    assert (search.engine, search.settings.n_best, search.settings.lm_weight) == ("plain", 3, 0.75)


def test_the_reader_needs_nothing_but_the_folder(saved: Path, plain: Path) -> None:
    bundle = load_bundle(saved)
    reader = bundled_reader(saved, bundle, n_best=4)
    decoder = load_decoder(saved, bundle)
    result = reader(noise())
    assert reader.name == "plain" and 1 < len(result.hypotheses) <= 4
    assert set(result.text.split()) <= {"go", "on", "no", "one"}
    # With priors taken off first, and not without.
    search = decoder.search(LETTERS, 4)
    assert result == search(PRIORS.removed(noise(), 0.3)) != search(noise())
    assert bundled_reader(saved, bundle, "greedy").name == "greedy"
    assert bundled_reader(plain, load_bundle(plain)).name == "greedy"


def test_a_bundle_without_a_search_is_as_it_was(plain: Path) -> None:
    assert "decoder" not in json.loads((plain / "model.json").read_text(encoding="utf-8"))
    assert "carries no search" in complaint(plain)


def test_the_same_decoder_has_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    """Whether the model came compressed, under another name or at another time."""
    arpa = tmp_path / "other.arpa.gz"
    arpa.write_bytes(gzip.compress(gzip.decompress((saved / "language_model.arpa.gz").read_bytes()), 1))
    words = Lexicon.of_words(["one", "no", "on", "go"], LETTERS)
    again = Path(shutil.copytree(saved, tmp_path / "again"))
    digest = save_decoder(
        again, USED, vocabulary_of(LETTERS), language_model=arpa, lexicon=words, priors=PRIORS
    )
    assert digest == load_bundle(saved).description.decoder
    for name in ("decoder.json", "language_model.arpa.gz", "lexicon.txt"):
        assert (again / name).read_bytes() == (saved / name).read_bytes()


@pytest.mark.parametrize("name", ["decoder.json", "language_model.arpa.gz", "lexicon.txt"])
def test_altered_and_missing_files_are_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    assert f"{copy / name}: altered or damaged" in complaint(copy)
    assert bundled_reader(copy, load_bundle(copy), "greedy").name == "greedy"  # needs none of them
    (copy / name).unlink()
    assert f"{copy / name}: missing" in complaint(copy)


def rewritten(folder: Path, alter: dict[str, object]) -> str:
    """Complaint about a decoder.json with other keys, whose digest is right."""
    from asr.files import sha256_file

    tree = json.loads((folder / "decoder.json").read_text(encoding="utf-8"))
    (folder / "decoder.json").write_text(json.dumps({**tree, **alter}), encoding="utf-8")
    name_decoder(folder, sha256_file(folder / "decoder.json"))
    return complaint(folder)


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        ({"format": 2}, "decoder format 2; this version of Attest reads format 1"),
        ({"settings": {**USED.model_dump(), "beam": 0}}, "beam must be 1 or more"),
        ({"settings": {**USED.model_dump(), "engine": "other"}}, "key settings.engine"),
        ({"priors": [0.5, 0.5]}, "priors of 2 tokens, and the model has 8"),
        ({"priors": []}, "priors of 0 tokens, and the model has 8"),
        ({"priors": [0.5] * 8}, "priors are probabilities"),
        ({"surprise": 1}, "key surprise"),
    ],
)
def test_descriptions_that_cannot_be(copy: Path, alter: dict[str, object], said: str) -> None:
    found = rewritten(copy, alter)
    assert f"{copy / 'decoder.json'}" in found and said in found


@pytest.mark.parametrize(("text", "said"), [("go\tg ö\n", "no token 'ö'"), ("go\n", "a word, a tab")])
def test_a_lexicon_of_another_model(copy: Path, text: str, said: str) -> None:
    from asr.files import sha256_file

    (copy / "lexicon.txt").write_text(text, encoding="utf-8")
    found = rewritten(copy, {"lexicon": sha256_file(copy / "lexicon.txt")})
    assert f"{copy / 'lexicon.txt'}:1" in found and said in found


def test_a_bundle_that_is_saved_again_carries_no_search(copy: Path) -> None:
    bundle: Bundle = load_bundle(copy)
    save_bundle(copy, bundle.model, bundle.tokenizer, name="test", text="plain-1")
    assert load_bundle(copy).description.decoder == ""
