"""Words and their times: those of the file, whatever it is heard with."""

import json
from collections.abc import Sequence
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile

from asr import Transcriber
from asr.audio import Audio, resample
from asr.confidence.calibration import Calibration
from asr.confidence.estimator import Trained
from asr.confidence.estimator_file import TrainedOn, save_estimator
from asr.confidence.way import described
from asr.decoding.bundled import save_decoder
from asr.decoding.decoder import GREEDY
from asr.decoding.lexicon import Lexicon
from asr.decoding.settings import SearchSettings
from asr.decoding.settings_used import SettingsUsed
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import BundleError, ConfidenceError
from asr.model.bundle import load_bundle, name_decoder
from asr.transcribe import recording
from asr.transcribe.processes import transcribe_in_processes
from asr.transcribe.recording import place_between_words
from asr.transcribe.transcript import Transcript, Wanted, Word
from asr.transcribe.windows import Windows

STEP = miniature.LETTER + 0.02  # seconds from a letter to the next, and for the hum between words
TEXTS = ("YES GO ONE", "NO", "SEE YES", "GO NO")
WORDS = Wanted(words=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="module")
def transcriber(run: Path) -> Transcriber:
    return Transcriber(run, device="cpu", words=True)


@pytest.fixture(scope="module")
def searching(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with a search that knows three words only."""
    folder = tmp_path_factory.mktemp("searching")
    for name in ("model.json", "weights.safetensors"):
        (folder / name).write_bytes((run / "model" / name).read_bytes())
    tokenizer = load_bundle(folder).tokenizer
    used = SettingsUsed.of(SearchSettings(lm_weight=0.0, beam=20), "plain", 0.0)
    lexicon = Lexicon.of_words(["yes", "go", "see"], tokenizer)
    name_decoder(folder, save_decoder(folder, used, vocabulary_of(tokenizer), lexicon=lexicon))
    return folder


def truth(text: str, begin: float = 0.0) -> list[tuple[str, float, float]]:
    """Words of miniature speech, and when they are said."""
    found, place = [], 0
    for word in text.split():
        start = begin + miniature.GAP + place * STEP
        found.append((word.lower(), start, start + len(word) * STEP - 0.02))
        place += len(word) + 1
    return found


def assert_near(words: Sequence[Word], expected: Sequence[tuple[str, float, float]], inner: float) -> None:
    """At silence within 30 ms; between words, where a hum belongs to neither, within `inner` seconds."""
    assert [word.word for word in words] == [word for word, _, _ in expected]
    for word, (_, start, end) in zip(words, expected, strict=True):
        assert (word.start, word.end) == pytest.approx((start, end), abs=inner)
    assert words[0].start == pytest.approx(expected[0][1], abs=0.03)
    assert words[-1].end == pytest.approx(expected[-1][2], abs=0.03)


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_where_they_are_said(transcriber: Transcriber, text: str) -> None:
    found = transcriber(Audio(miniature.speech(text, text).astype(np.float32), miniature.RATE))
    assert found.text == text.lower()
    assert_near(found.words, truth(text), 0.12)
    assert all(word.confidence is None for word in found.words)


def test_plain_transcripts_have_no_words(run: Path) -> None:
    speech = Audio(miniature.speech("SEE YES", "a").astype(np.float32), miniature.RATE)
    assert Transcriber(run, device="cpu")(speech) == Transcript("see yes", speech.seconds)


def test_other_rates_channels_and_silence_before(transcriber: Transcriber, tmp_path: Path) -> None:
    """Two seconds of near silence come first, and all is at 44.1 kHz on two channels."""
    speech = miniature.speech("YES GO ONE", "later")
    quiet = 0.003 * np.random.default_rng(1).standard_normal(2 * miniature.RATE)
    samples = resample(np.concatenate([quiet, speech]), miniature.RATE, 44_100)
    soundfile.write(tmp_path / "a.flac", np.stack([samples, samples], 1), 44_100)
    found = transcriber(tmp_path / "a.flac")
    assert [word.word for word in found.words] == found.text.split()
    # A model of tones may miss a letter after a silence; its words are where they are said all the same.
    said = truth("YES GO ONE", begin=2.0)
    times = [(word.word, start, end) for word, (_, start, end) in zip(found.words, said, strict=True)]
    assert_near(found.words, times, 0.12)


def test_batches_and_processes_change_nothing(run: Path, transcriber: Transcriber, tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.wav")
        soundfile.write(
            paths[-1], miniature.speech(TEXTS[number % 4], f"f{number}"), miniature.RATE, subtype="PCM_16"
        )
    alone = [(path, transcriber(path)) for path in paths]
    assert list(transcriber.many(paths, workers=2)) == alone
    assert list(transcribe_in_processes(run, paths, processes=1, wanted=WORDS)) == alone


def test_long_audio(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In windows and in several stretches: every word at its place in the file, and the same text as without words."""
    monkeypatch.setattr(recording, "WHOLE", 4.0)
    monkeypatch.setattr(recording, "SURELY", 0.3)
    ended: list[int] = []

    def noted(*arguments: object, **named: bool) -> int | None:
        ended.append(0)
        return place_between_words(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(recording, "place_between_words", noted)
    text = " ".join(TEXTS * 5)
    speech = Audio(miniature.speech(text, "long").astype(np.float32), miniature.RATE)
    transcriber = Transcriber(run, device="cpu", words=True, segmentation="windows")
    plain = Transcriber(run, device="cpu", segmentation="windows")
    for one in (transcriber, plain):
        grid = one.windows.grid
        monkeypatch.setattr(
            one,
            "windows",
            Windows(
                whole=4 * miniature.RATE, step=150 * grid, overlap=100 * grid, grid=grid, hop=one.windows.hop
            ),
        )
    found = transcriber(speech)
    assert len(ended) > 2
    assert found.text == plain(speech).text == " ".join(word.word for word in found.words)
    expected = truth(text)
    assert len(found.words) == len(expected)
    near = [
        abs(word.start - start) < 0.15 and abs(word.end - end) < 0.15
        for word, (_, start, end) in zip(found.words, expected, strict=True)
    ]
    assert sum(near) > 0.9 * len(near)  # the model learned from three words at a time
    assert found.words[-1].end == pytest.approx(expected[-1][2], abs=0.05)


def test_by_the_search_that_the_model_carries(searching: Path) -> None:
    """It is the model's own way; it can find no other words; greedy is still to be had."""
    speech = Audio(miniature.speech("YES GO ONE", "b").astype(np.float32), miniature.RATE)
    found = Transcriber(searching, device="cpu", words=True)(speech)
    assert found.text == Transcriber(searching, device="cpu")(speech).text
    assert found.text.startswith("yes go ")
    assert set(found.text.split()) <= {"yes", "go", "see"}
    assert [word.word for word in found.words] == found.text.split()
    assert Transcriber(searching, device="cpu", words=True, decoder="beam")(speech) == found
    greedily = Transcriber(searching, device="cpu", words=True, decoder="greedy")(speech)
    assert greedily.text == "yes go one"
    known = Audio(miniature.speech("SEE YES", "c").astype(np.float32), miniature.RATE)
    assert_near(Transcriber(searching, device="cpu", words=True)(known).words, truth("SEE YES"), 0.12)


def test_a_model_of_words_without_spaces(run: Path, tmp_path: Path) -> None:
    """Its text is one word, unless a lexicon tells several apart."""
    for name in ("model.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((run / "model" / name).read_bytes())
    tree = json.loads((tmp_path / "model.json").read_text())
    alphabet = tree["tokenizer"]["alphabet"]
    alphabet[alphabet.index(" ")] = "_"
    (tmp_path / "model.json").write_text(json.dumps(tree))
    speech = Audio(miniature.speech("SEE YES", "c").astype(np.float32), miniature.RATE)
    found = Transcriber(tmp_path, device="cpu", words=True)(speech)
    assert found.text == "see_yes" == found.words[0].word
    assert_near(found.words, [("see_yes", truth("SEE YES")[0][1], truth("SEE YES")[1][2])], 0.12)
    tokenizer = load_bundle(tmp_path).tokenizer
    used = SettingsUsed.of(SearchSettings(lm_weight=0.0, beam=20), "plain", 0.0)
    lexicon = Lexicon.of_words(["yes", "see_"], tokenizer)
    name_decoder(tmp_path, save_decoder(tmp_path, used, vocabulary_of(tokenizer), lexicon=lexicon))
    found = Transcriber(tmp_path, device="cpu", words=True)(speech)
    assert [word.word for word in found.words] == ["see_", "yes"]


def test_what_is_wanted_and_not_there(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="this model carries no search"):
        Transcriber(run, decoder="beam")
    with pytest.raises(ConfidenceError, match=r"gone\.json"):
        Transcriber(run, confidence=tmp_path / "gone.json")


def test_an_estimator_of_words_that_are_read_in_another_way(searching: Path, tmp_path: Path) -> None:
    """Learned from greedy readings: it says something of those, and nothing of a search's."""
    bundle, path = load_bundle(searching), tmp_path / "confidence.json"
    calibration = Calibration(1.0, 0.0, 0.01)
    trained = Trained(vocabulary_of(bundle.tokenizer), "peak_mean", None, calibration, calibration)
    about = TrainedOn(
        utterances=1, speakers=1, words=1, wrong=1, changes=(), trees=0, leaf=0, seed=0, scikit_learn=""
    )
    weights = bundle.description.weights
    save_estimator(path, trained, weights=weights, decoder=described(GREEDY), trained_on=about)
    with pytest.raises(
        ConfidenceError, match=r"read in another way \(greedy, here beam; different: .*lexicon"
    ):
        Transcriber(searching, confidence=path)
    Transcriber(searching, confidence=path, decoder="greedy")


def test_a_stretch_ends_between_words() -> None:
    """Token 3 is the separator. The longest run of blank is within a word, the next one before the separator."""
    path = np.array([1, 0, 0, 0, 0, 2, 3, 1, 0, 0, 0, 3, 3, 1, 0, 1])
    starts = frozenset({3})
    assert place_between_words(path, starts, 0, 99) == 9
    assert place_between_words(path, frozenset(), 0, 99) is None  # where tokens do not tell
    assert place_between_words(path, frozenset(), 0, 4) == 3
    assert place_between_words(path, frozenset(), 0, 99, anywhere=True) == 3
    assert place_between_words(path, starts, 0, 4) == 3  # so long a blank parts words
    assert place_between_words(path, starts, 10, 99) == 10  # its part that is late enough
    assert place_between_words(path, starts, 11, 99) is None
    assert place_between_words(np.zeros(6, dtype=np.intp), starts, 2, 3) == 4  # nothing but blank
    assert place_between_words(np.zeros(0, dtype=np.intp), starts, 0, 1) is None
