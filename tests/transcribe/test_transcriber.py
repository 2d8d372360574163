"""Any format, rate and number of channels: the same words come out."""

from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile

import asr
from asr import Transcriber
from asr.audio import Audio, resample
from asr.errors import AudioError, BundleError, DeviceError
from asr.transcribe.transcriber import Transcript

TEXT = "YES GO ONE"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="module")
def transcriber(run: Path) -> Transcriber:
    return Transcriber(run, device="cpu")


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """(samples,) int16 at 8 kHz."""
    return (32767 * miniature.speech(TEXT, "spoken")).astype(np.int16)


def sphere(path: Path, samples: np.ndarray, rate: int) -> None:
    fields = (
        f"NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i {len(samples)}\nsample_rate -i {rate}\n"
        "sample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_sig_bits -i 16\nsample_coding -s3 pcm\nend_head\n"
    )
    path.write_bytes(fields.encode().ljust(1024) + samples.astype("<i2").tobytes())


def write(path: Path, samples: np.ndarray, rate: int = miniature.RATE) -> Path:
    if path.suffix == ".sph":
        sphere(path, samples, rate)
    else:
        subtype = "PCM_16" if path.suffix in (".wav", ".flac", ".aiff") else None
        soundfile.write(path, samples, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.aiff", "x.sph", "x.ogg", "x.mp3"])
def test_every_format(transcriber: Transcriber, speech: np.ndarray, tmp_path: Path, name: str) -> None:
    found = transcriber(write(tmp_path / name, speech))
    assert found.text == TEXT.lower()
    assert found.seconds == pytest.approx(len(speech) / miniature.RATE, abs=0.15)  # MP3 pads


@pytest.mark.parametrize("rate", [11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.sph"])
def test_every_rate(
    transcriber: Transcriber, speech: np.ndarray, tmp_path: Path, name: str, rate: int
) -> None:
    samples = (32767 * resample(speech / 32768, miniature.RATE, rate)).astype(np.int16)
    found = transcriber(write(tmp_path / name, samples, rate))
    assert found.text == TEXT.lower()
    assert found.seconds == pytest.approx(len(speech) / miniature.RATE, abs=0.001)


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.ogg"])
def test_channels_are_averaged(
    transcriber: Transcriber, speech: np.ndarray, tmp_path: Path, name: str
) -> None:
    """Half of it on each channel: no channel alone has all the words."""
    middle = len(speech) // 2
    stereo = np.zeros((len(speech), 2), np.int16)
    stereo[:middle, 0], stereo[middle:, 1] = speech[:middle], speech[middle:]
    assert transcriber(write(tmp_path / name, stereo)).text == TEXT.lower()
    assert transcriber(write(tmp_path / "left.wav", stereo[:, 0])).text != TEXT.lower()


def test_lossless_formats_are_one_thing(transcriber: Transcriber, speech: np.ndarray, tmp_path: Path) -> None:
    noisy = speech + (300 * np.random.default_rng(1).standard_normal(len(speech))).astype(np.int16)
    texts = {transcriber(write(tmp_path / f"x{end}", noisy)) for end in (".wav", ".flac", ".aiff", ".sph")}
    assert len(texts) == 1


def test_samples_from_memory(transcriber: Transcriber, speech: np.ndarray) -> None:
    found = transcriber(Audio((speech / 32768).astype(np.float32), miniature.RATE))
    assert found == Transcript(TEXT.lower(), len(speech) / miniature.RATE)
    faster = resample(speech / 32768, miniature.RATE, 16_000)
    assert transcriber(Audio(faster, 16_000)).text == TEXT.lower()
    with pytest.raises(AudioError, match="no samples"):
        transcriber(Audio(np.zeros(0, np.float32), 8000))


def test_a_single_sample_is_one_output_at_most(transcriber: Transcriber) -> None:
    found = transcriber(Audio(np.zeros(1, np.float32), 8000))
    assert len(found.text) <= 1
    assert found.seconds == 1 / 8000


def test_path_may_be_a_string(transcriber: Transcriber, speech: np.ndarray, tmp_path: Path) -> None:
    assert transcriber(str(write(tmp_path / "x.wav", speech))).text == TEXT.lower()


def test_transcripts_of_the_test_part_are_those_of_the_run(
    transcriber: Transcriber, run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    corpus, _ = miniature.trained(tmp_path_factory.getbasetemp())
    files = sorted((corpus / "wav" / "an4test_clstk").rglob("*.wav"))
    words = [miniature.words_of(path.stem).lower() for path in files]
    heard = [found.text for _, found in transcriber.many(files) if isinstance(found, Transcript)]
    assert len(heard) == 8
    assert sum(a == b for a, b in zip(heard, words, strict=True)) >= 6


@pytest.mark.parametrize("workers", [1, 3])
def test_one_bad_file_among_good_ones(
    transcriber: Transcriber, speech: np.ndarray, tmp_path: Path, workers: int
) -> None:
    files: list[str | Path] = []
    for number in range(5):
        files.append(write(tmp_path / f"{number}.wav", speech if number % 2 else speech[: len(speech) // 2]))
    (tmp_path / "2.wav").write_text("this is text")
    files[4] = str(tmp_path / "gone.flac")
    found = list(transcriber.many(files, workers=workers))
    assert [path for path, _ in found] == list(map(Path, files))  # in order
    assert [isinstance(result, AudioError) for _, result in found] == [False, False, True, False, True]
    texts = [result.text for _, result in found if isinstance(result, Transcript)]
    assert texts[1] == texts[2] == TEXT.lower()
    assert texts[0] != TEXT.lower()
    assert [str(files[2]) in str(found[2][1]), "gone.flac" in str(found[4][1])] == [True, True]


def test_bundle_by_itself_or_in_its_run(run: Path, transcriber: Transcriber) -> None:
    inside = Transcriber(str(run / "model"), device="cpu")
    assert inside.bundle.description == transcriber.bundle.description
    assert inside.sample_rate == miniature.RATE


def test_no_model_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(BundleError, match="no model here"):
            Transcriber(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="file"):
        Transcriber(tmp_path / "file")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "meta", ""])
def test_no_such_device(run: Path, device: str) -> None:
    with pytest.raises(DeviceError, match=f"--device {device}: "):
        Transcriber(run, device=device)


def test_lazy_names_of_the_package() -> None:
    assert asr.Transcript is Transcript
    with pytest.raises(AttributeError, match="module 'asr' has no attribute 'Transcribe'"):
        _ = asr.Transcribe
