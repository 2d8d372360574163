"""Sound as the page reads and resamples it, in the browser, against the same in Python."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
from page_modules import page_modules, sent

from asr.audio import resample
from asr.randomness import numpy_generator


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with page_modules(tmp_path_factory.mktemp("modules")) as page:
        yield page


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (44_100, 16_000),
        (48_000, 16_000),
        (32_000, 16_000),
        (8_000, 16_000),
        (8_000, 24_000),
        (22_050, 8_000),
        (16_000, 16_000),
    ],
)
def test_sound_is_resampled_as_by_soxr(modules: Any, source: int, target: int) -> None:
    samples = (0.3 * numpy_generator(1, "noise").standard_normal(source // 4 + 7)).astype(np.float32)
    theirs = modules.evaluate(
        """async ([samples, source, target]) => {
          const { resample } = await import("./resample.js");
          return Array.from(resample(window.floats(samples), source, target));
        }""",
        [sent(samples), source, target],
    )
    ours = resample(samples, source, target)
    assert len(theirs) == len(ours)
    edge, most = (0, 3e-7) if max(source, target) % min(source, target) == 0 else (40, 2e-4)
    assert np.abs(np.array(theirs) - ours)[edge : len(ours) - edge].max() < most


@pytest.mark.parametrize(
    ("form", "subtype", "rate"),
    [
        ("WAV", "PCM_U8", 8_000), ("WAV", "PCM_16", 11_025), ("WAV", "PCM_24", 16_000), ("WAV", "PCM_32", 8_000),
        ("WAV", "FLOAT", 48_000), ("WAVEX", "PCM_16", 44_100), ("AIFF", "PCM_16", 16_000), ("AIFF", "PCM_24", 8_000),
        ("NIST", "PCM_16", 16_000), ("FLAC", "PCM_16", 16_000), ("FLAC", "PCM_24", 44_100),
    ],
)  # fmt: skip
def test_what_loses_nothing_is_read_bit_by_bit(modules: Any, form: str, subtype: str, rate: int) -> None:
    """The loudest values among them, which some browsers scale in another way."""
    samples = 0.3 * numpy_generator(2, form + subtype).standard_normal(3 * rate // 10)
    samples[:3] = 1, -1, 0
    found, written = in_the_page(modules, samples, form, subtype, rate)
    assert found["rate"] == rate
    assert np.array_equal(np.array(found["samples"], dtype=np.float32), written)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize(("form", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")])
def test_what_the_browser_decodes_keeps_its_rate(modules: Any, form: str, subtype: str, rate: int) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 500 * np.arange(rate) / rate)
    found, _ = in_the_page(modules, tone, form, subtype, rate)
    assert found["rate"] == rate
    heard = np.array(found["samples"])[rate // 4 : rate * 3 // 4]
    assert np.abs(np.fft.rfft(heard)).argmax() == 250  # half a second of 500 Hz


def in_the_page(
    modules: Any, samples: np.ndarray, form: str, subtype: str, rate: int
) -> tuple[dict[str, Any], np.ndarray]:
    """{rate, samples} that the page has of a file, and the samples that libsndfile has of it."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    found: dict[str, Any] = modules.evaluate(
        """async (text) => {
          const { waveformOf } = await import("./waveform.js");
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const { samples, rate } = await waveformOf(new Blob([bytes]), "sound");
          return { samples: Array.from(samples), rate };
        }""",
        base64.b64encode(file.getvalue()).decode(),
    )
    file.seek(0)
    return found, soundfile.read(file, dtype="float32")[0]
