"""Many files, and long ones: in order, the same transcripts however they are grouped, in bounded memory."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile

from asr import Transcriber
from asr.audio import Audio, resample
from asr.decoding.greedy import greedy
from asr.errors import AudioError
from asr.transcribe import reading
from asr.transcribe.transcript import Found, Transcript, in_order
from asr.transcribe.windows import Windows

WORDS = ("GO", "NO SEE", "YES ONE GO", "ONE", "SEE SEE NO YES GO ONE")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture
def transcriber(run: Path) -> Transcriber:
    return Transcriber(run, device="cpu", segmentation="windows")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty short ones of five lengths."""
    folder = tmp_path_factory.mktemp("files")
    paths = []
    for number in range(20):
        path = folder / f"{number}.wav"
        text = WORDS[number % len(WORDS)]
        soundfile.write(path, miniature.speech(text, f"many-{number}"), miniature.RATE, subtype="PCM_16")
        paths.append(path)
    return paths


@pytest.mark.parametrize("workers", [1, 2])
def test_together_as_one_by_one(transcriber: Transcriber, files: list[Path], workers: int) -> None:
    expected = [transcriber(path) for path in files]
    assert len({found.text for found in expected}) >= 5
    assert list(transcriber.many(files, workers=workers)) == list(zip(files, expected, strict=True))


SPOKEN = " ".join(WORDS * 8)


def long_speech() -> np.ndarray:
    """46 seconds."""
    return miniature.speech(SPOKEN, "long").astype(np.float32)


@pytest.fixture
def short_windows(transcriber: Transcriber) -> Transcriber:
    """Whatever is longer than 4 s is cut into windows of 5 s, of which 2 s overlap."""
    grid = transcriber.windows.grid
    transcriber.windows = Windows(
        whole=4 * miniature.RATE, step=150 * grid, overlap=100 * grid, grid=grid, hop=grid
    )
    return transcriber


def test_long_audio_is_heard_like_a_whole(short_windows: Transcriber, tmp_path: Path) -> None:
    """As a file of another rate and with two channels, too, or as samples."""
    speech = long_speech()
    soundfile.write(tmp_path / "long.wav", speech, miniature.RATE, subtype="FLOAT")
    found = short_windows(tmp_path / "long.wav")
    assert found.seconds == len(speech) / miniature.RATE > 40
    (whole,) = short_windows._engine([speech])
    assert found.text == short_windows.bundle.tokenizer.decode(greedy(whole))
    assert sum(a == b for a, b in zip(found.text.split(), SPOKEN.lower().split(), strict=True)) > 95
    assert short_windows(Audio(speech, miniature.RATE)) == found
    faster = resample(speech, miniature.RATE, 48_000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([faster, faster], 1), 48_000, subtype="FLOAT")
    assert short_windows(tmp_path / "stereo.wav").text == found.text


@pytest.mark.parametrize("workers", [1, 3])
def test_long_files_among_short_ones(
    short_windows: Transcriber,
    files: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    """Their windows share groups and batches with other files; nothing gets mixed up."""
    monkeypatch.setattr(reading, "SECONDS", 20.0)
    soundfile.write(tmp_path / "long.wav", long_speech(), miniature.RATE)
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    mixed = [*files[:3], tmp_path / "long.wav", broken, *files[3:9], tmp_path / "long.wav", *files[9:]]
    expected = [None if path == broken else short_windows(path) for path in mixed]
    found = list(short_windows.many(mixed, workers=workers))
    assert [path for path, _ in found] == mixed
    assert isinstance(found[4][1], AudioError)
    assert [result for _, result in found if isinstance(result, Transcript)] == [e for e in expected if e]


def test_endless_files_and_whoever_has_enough(transcriber: Transcriber, files: list[Path]) -> None:
    """Files are taken as they are needed, and none any more after the transcripts are closed."""
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        for path in itertools.cycle(files):
            taken += 1
            yield path

    transcripts = transcriber.many(endless())
    first = list(itertools.islice(transcripts, 30))
    assert [path for path, _ in first] == (files + files)[:30]
    assert taken < 2000
    transcripts.close()


def test_results_are_there_when_they_are_asked_for(transcriber: Transcriber, files: list[Path]) -> None:
    """A None among the files: the next name comes only after the result of the first, as from somebody typing."""
    results: list[Found] = []

    def slow() -> Iterator[Path | None]:
        yield files[0]
        while not results:
            yield None
        yield files[1]

    for _, found in transcriber.many(slow()):
        results.append(found)
    assert len(results) == 2


def test_in_order() -> None:
    one, two, three = (Transcript(text, 1.0) for text in "abc")
    assert list(in_order([(2, three), (0, one), (1, two)])) == [(0, one), (1, two), (2, three)]


NOT_NEEDED = (
    *(
        "torch._dynamo",
        "torch._inductor",
        "sympy",
        "triton",
        "scipy",
        "jiwer",
        "rich",
        "sentencepiece",
        "tomli_w",
    ),
    *("matplotlib", "pandas", "ray", "multiprocessing.pool", "asr.training", "asr.runs", "asr.corpora"),
    *("asr.evaluation", "asr.claims", "asr.publish", "asr.scoring"),
)


def test_what_transcription_does_not_need_is_not_imported(run: Path, files: list[Path]) -> None:
    """`import torch` itself brings neither; each of them costs a tenth of a second or more."""
    code = (
        "import sys; from asr.transcribe.transcriber import Transcriber; "
        f"assert Transcriber({str(run)!r}, device='cpu', words=True)({str(files[0])!r}).text == 'go'; "
        f"print([name for name in {NOT_NEEDED!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
