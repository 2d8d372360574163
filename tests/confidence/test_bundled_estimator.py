"""The estimator of a bundle: used for words that are read as it was trained, and refused when it is another one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_bundle import LETTERS, write_searching_bundle

from asr.confidence.bundled import bundled_estimator, check_estimator, copy_with, sources_with
from asr.confidence.calibration import Calibration
from asr.confidence.estimator import Trained
from asr.confidence.estimator_file import TrainedOn, save_estimator
from asr.confidence.way import described
from asr.decoding.bundled import load_decoder
from asr.decoding.decoder import GREEDY, Decoder
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import BundleError, ConfidenceError, StorageError
from asr.files import sha256_file
from asr.model.bundle import load_bundle

HALF = Calibration(slope=1.0, offset=0.0, floor=0.01)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that carries a search with a lexicon, and no estimator."""
    return write_searching_bundle(tmp_path_factory.mktemp("plain") / "model")


@pytest.fixture
def estimator(plain: Path, tmp_path: Path) -> Callable[..., Path]:
    """A file of an estimator for words that a decoder reads."""

    def estimator(decoder: Decoder, weights: str = "") -> Path:
        about = TrainedOn(
            utterances=1, speakers=1, words=9, wrong=1, changes=(), trees=0, leaf=1, seed=0, scikit_learn=""
        )
        trained = Trained(vocabulary_of(LETTERS), "peak_mean", None, HALF, HALF, 3)
        path = tmp_path / "estimator.json"
        known = weights or load_bundle(plain).description.weights
        save_estimator(path, trained, weights=known, decoder=described(decoder), trained_on=about)
        return path

    return estimator


def test_a_bundle_without_one_is_as_it_was(plain: Path) -> None:
    bundle = load_bundle(plain)
    assert bundled_estimator(plain, bundle, GREEDY) is None
    check_estimator(plain, bundle)
    assert "confidence" not in json.loads((plain / "model.json").read_text())


def test_for_the_words_that_it_was_trained_for(
    plain: Path, estimator: Callable[..., Path], tmp_path: Path
) -> None:
    search = load_decoder(plain, load_bundle(plain))
    for which, other, name in ((GREEDY, search, "greedy"), (search, GREEDY, "beam")):
        target = tmp_path / name
        file = estimator(which)
        copy_with(plain, load_bundle(plain), file, target)
        bundle = load_bundle(target)
        assert bundle.description.confidence == sha256_file(file)
        found = bundled_estimator(target, bundle, which)
        assert found is not None and (found.method, found.n_best) == ("peak_mean", 3)
        assert bundled_estimator(target, bundle, other) is None
        check_estimator(target, bundle)
        changed = {path.name for path in target.iterdir() if path.read_bytes() != _read(plain / path.name)}
        assert changed == {"model.json", "confidence.json"}
        # An estimator takes the place of another.
        again = sources_with(target, bundle, estimator(other))
        assert list(again) == list(sources_with(plain, load_bundle(plain), estimator(other)))


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def test_others_are_refused(plain: Path, estimator: Callable[..., Path], tmp_path: Path) -> None:
    bundle = load_bundle(plain)
    with pytest.raises(ConfidenceError, match="made for another model"):
        sources_with(plain, bundle, estimator(GREEDY, "0" * 64))
    with pytest.raises(ConfidenceError, match=r"in another way \(beam\) .* by itself \(greedy or beam\)"):
        sources_with(plain, bundle, estimator(Decoder("beam", SearchSettings(beam=7))))
    with pytest.raises(BundleError, match="already there"):
        copy_with(plain, bundle, estimator(GREEDY), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        copy_with(plain, bundle, estimator(GREEDY), tmp_path / "file" / "bundle")


def test_altered_and_missing_files(plain: Path, estimator: Callable[..., Path], tmp_path: Path) -> None:
    target = tmp_path / "model"
    copy_with(plain, load_bundle(plain), estimator(GREEDY), target)
    file, bundle = target / "confidence.json", load_bundle(target)
    kept = file.read_text()
    file.write_text(kept + " ")
    for use in (lambda: bundled_estimator(target, bundle, GREEDY), lambda: check_estimator(target, bundle)):
        with pytest.raises(BundleError, match=r"confidence\.json: altered or damaged"):
            use()
    file.unlink()
    with pytest.raises(BundleError, match=r"confidence\.json: missing, and model\.json names it"):
        bundled_estimator(target, bundle, GREEDY)


def test_an_estimator_that_the_model_cannot_use(
    plain: Path, estimator: Callable[..., Path], tmp_path: Path
) -> None:
    """Put there by hand, with the right digest."""
    target = Path(shutil.copytree(plain, tmp_path / "model"))
    for decoder, weights, expected in (
        (Decoder("beam", SearchSettings(beam=7)), "", "read in another way than this model"),
        (GREEDY, "0" * 64, "made for another model"),
    ):
        file = estimator(decoder, weights)
        shutil.copyfile(file, target / "confidence.json")
        tree = json.loads((plain / "model.json").read_text())
        (target / "model.json").write_text(json.dumps({**tree, "confidence": sha256_file(file)}))
        with pytest.raises(BundleError, match=expected):
            check_estimator(target, load_bundle(target))
