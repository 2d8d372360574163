"""Long audio by the Transcriber: at pauses, the same words however it is given, at the times of the file."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile
from spoken import Loud

from asr import Transcriber
from asr.audio import Audio
from asr.errors import AsrError, AudioError
from asr.transcribe import transcriber as module
from asr.transcribe.transcript import Part, Transcript

TEXTS = ("YES GO ONE", "NO", "SEE YES", "GO NO")
RATE = miniature.RATE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language of tones is no speech to a network that has learned voices."""
    monkeypatch.setattr(module, "VoiceActivity", Loud)
    monkeypatch.setattr(module, "installed", lambda: True)


@pytest.fixture
def transcriber(run: Path) -> Transcriber:
    return Transcriber(run, device="cpu", words=True, segmentation="pauses")


def talk(pauses: float = 2.0, times: int = 1) -> tuple[np.ndarray, list[float]]:
    """All the texts, with digital silence around them; and when each begins.

    The model has learned texts of which the first letter comes at once: after a pause that is heard it may miss one.
    """
    quiet = np.zeros(round(pauses * RATE))
    sound, begins = [quiet], []
    for text in TEXTS * times:
        begins.append(sum(map(len, sound)) / RATE)
        sound += [miniature.speech(text, text), quiet]
    return np.concatenate(sound).astype(np.float32), begins


def test_cut_at_pauses(transcriber: Transcriber) -> None:
    samples, begins = talk()
    found = transcriber(Audio(samples, RATE))
    assert (found.segmentation, found.seconds) == ("pauses", len(samples) / RATE)
    assert found.text == " ".join(TEXTS).lower()
    first = [0, 3, 4, 6]  # words of each text
    starts = [found.words[number].start for number in first]
    assert starts == pytest.approx([begin + miniature.GAP for begin in begins], abs=0.05)
    assert [segment.text for segment in found.segments] == [text.lower() for text in TEXTS]


def test_the_same_however_it_is_given(transcriber: Transcriber, tmp_path: Path) -> None:
    samples, _ = talk()
    path = tmp_path / "talk.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    found = transcriber(path)
    assert transcriber(Audio(samples, RATE)) == found
    assert transcriber(io.BytesIO(path.read_bytes())) == found
    assert (
        transcriber(Audio(samples[begin : begin + 999], RATE) for begin in range(0, len(samples), 999))
        == found
    )
    assert transcriber(Audio(np.stack([samples, samples], 1), RATE)) == found
    parts = list(transcriber.stream(path))
    assert [part.text for part in parts] == [text.lower() for text in TEXTS]
    assert tuple(word for part in parts for word in part.words) == found.words
    short = tmp_path / "short.wav"
    soundfile.write(short, samples[: 5 * RATE], RATE, subtype="FLOAT")
    files = [short, path, Audio(samples, RATE), short, path]
    for workers in (1, 3):
        several = list(transcriber.many(files, workers=workers))
        assert [source for source, _ in several] == files
        assert [each for _, each in several][1:3] == [found, found]
        assert several[0][1] == several[3][1] == transcriber(short)
    pieces = [piece for number in range(3) for piece in transcriber.pieces(number, path)]
    recordings = [transcriber.recording() for _ in range(3)]
    for piece, log_probs in transcriber.hear(pieces):
        recordings[piece.file].add(piece, log_probs)
    assert [each.finished() for each in recordings] == [found] * 3


def test_in_several_threads(transcriber: Transcriber) -> None:
    samples, _ = talk()
    found = transcriber(Audio(samples, RATE))
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(transcriber, [Audio(samples, RATE)] * 6)) == [found] * 6


def test_which_way(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a minute as a whole; longer at pauses, if the extra is there; as it was asked for."""
    short, _ = talk()
    long, _ = talk(times=6)
    assert len(long) / RATE > 60 > len(short) / RATE

    def way(segmentation: str, samples: np.ndarray) -> str:
        return Transcriber(run, device="cpu", segmentation=segmentation)(Audio(samples, RATE)).segmentation  # type: ignore[arg-type]

    assert [way(each, short) for each in ("auto", "pauses", "windows")] == ["whole", "pauses", "whole"]
    assert [way(each, long) for each in ("auto", "pauses", "windows")] == ["pauses", "pauses", "windows"]
    monkeypatch.undo()
    monkeypatch.setattr(module, "installed", lambda: False)
    assert way("auto", long) == "windows"
    monkeypatch.setattr("asr.transcribe.voice_activity._network", lambda: None)
    with pytest.raises(AsrError, match=r"silero-vad is not installed; pip install 'attest-asr\[vad\]'"):
        way("pauses", short)
    with pytest.raises(ValueError, match="segmentation must be one of auto, pauses, windows, got 'silero'"):
        way("silero", short)


def test_silence_has_no_words(transcriber: Transcriber) -> None:
    quiet = (0.003 * np.random.default_rng(6).standard_normal(70 * RATE)).astype(np.float32)
    assert transcriber(Audio(quiet, RATE)) == Transcript("", 70.0, (), "pauses")
    assert list(transcriber.stream(Audio(quiet, RATE))) == []


def test_a_fault_further_back(transcriber: Transcriber) -> None:
    """What is heard before it is streamed; the whole is an error."""
    samples, _ = talk()

    def breaks() -> Iterator[Audio]:
        yield Audio(samples[: 5 * RATE], RATE)
        raise AudioError("the line went dead")

    parts: list[Part] = []
    with pytest.raises(AudioError, match="the line went dead"):
        for part in transcriber.stream(breaks()):
            parts.append(part)  # what came before the error counts
    assert [part.text for part in parts] == [TEXTS[0].lower()]
    with pytest.raises(AudioError, match="the line went dead"):
        transcriber(breaks())
    ((_, found),) = transcriber.many([breaks()])
    assert isinstance(found, AudioError)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 8_000), np.float32), r"\(samples, channels\), got \(2, 8000\); .*give samples.T"),
        (np.zeros((1, 2, 3), np.float32), r"got \(1, 2, 3\)"),
        (np.zeros(0, np.float32), "no samples"),
        (np.zeros(80, np.uint8), "float, int16 or int32, got uint8"),
        (np.array(["a"]), "float, int16 or int32"),
        (np.full(80, np.nan), "no finite numbers"),
    ],
)
def test_wrong_samples(transcriber: Transcriber, samples: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        transcriber(Audio(samples, RATE))
    with pytest.raises(AudioError):
        transcriber([])


def test_whole_numbers_are_scaled(run: Path) -> None:
    """To what a file of theirs is read as."""
    transcriber = Transcriber(run, device="cpu")
    samples = (32767 * miniature.speech("SEE YES", "a")).astype(np.int16)
    (float_piece,) = transcriber.pieces(0, Audio(samples.astype(np.float32) / 32768, RATE))
    for given in (samples, samples.astype(np.int32) * 65536, samples.astype(np.float64) / 32768):
        (piece,) = transcriber.pieces(0, Audio(given, RATE))
        assert piece.samples.dtype == np.float32
        np.testing.assert_array_equal(piece.samples, float_piece.samples)
    stereo = np.stack([samples, np.zeros_like(samples)], axis=1)
    (piece,) = transcriber.pieces(0, Audio(stereo, RATE))
    np.testing.assert_array_equal(piece.samples, float_piece.samples / 2)


def test_confidence_without_an_estimator(run: Path) -> None:
    """The highest probability of each letter, the mean over the word; not to be had without it."""
    speech = Audio(miniature.speech("SEE YES", "c").astype(np.float32), RATE)
    transcriber = Transcriber(run, device="cpu", confidence="posterior")
    assert not transcriber.batched
    found = transcriber(speech)
    (piece,) = transcriber.pieces(0, speech)
    ((_, log_probs),) = transcriber.hear([piece])
    tokenizer = transcriber.bundle.tokenizer
    for word in found.words:
        highest = [np.exp(log_probs[:, tokenizer.encode(letter)[0]]).max() for letter in set(word.word)]
        assert min(highest) - 0.01 <= word.confidence <= 1.0  # type: ignore[operator]
    assert [word.confidence for word in Transcriber(run, device="cpu", words=True)(speech).words] == [
        None
    ] * 2
    none = Transcriber(run, device="cpu", words=True, confidence="none")
    assert none.batched
    assert [word.confidence for word in none(speech).words] == [None] * 2
    assert Transcriber(run, device="cpu", confidence="none")(speech).words == ()


def test_words_can_be_left_out(transcriber: Transcriber) -> None:
    samples, _ = talk()
    recording = transcriber.recording(words=False)
    for piece in transcriber.pieces(0, Audio(samples, RATE)):
        recording.add(piece, transcriber.hear([piece])[0][1])
    found = recording.finished()
    assert (found.text, found.words) == (" ".join(TEXTS).lower(), ())
