"""The front end against pure tones, torchaudio's filters, and a plain computation frame by frame."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torchaudio

from asr.model.frontend import FrontEnd, mel_filters
from asr.recipe import FrontEnd as Settings

PLAIN: dict[str, Any] = {"normalise": "none", "pre_emphasis": 0.0}
RATE = 16_000


def features(
    settings: Settings, *waveforms: torch.Tensor, padding: float = 0.0
) -> tuple[torch.Tensor, list[int]]:
    """Features of waveforms as one batch; what lies past each is filled with `padding`."""
    longest = max(map(len, waveforms))
    batch = torch.full((len(waveforms), longest), padding)
    for row, waveform in enumerate(waveforms):
        batch[row, : len(waveform)] = waveform
    found, frames = FrontEnd(settings)(batch, torch.tensor([len(waveform) for waveform in waveforms]))
    return found, frames.tolist()


def tone(hertz: float, samples: int = RATE, rate: int = RATE) -> torch.Tensor:
    return 0.3 * torch.sin(2 * math.pi * hertz * torch.arange(samples, dtype=torch.float64) / rate).float()


def noise(samples: int, seed: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


@pytest.mark.parametrize("hertz", [300, 440, 1000, 2500, 4000, 7000])
def test_tone_is_loudest_in_its_band(hertz: float) -> None:
    found, (frames,) = features(Settings(mels=40, **PLAIN), tone(hertz))
    band = found[0, 5 : frames - 5].mean(0).argmax().item()  # away from the edges
    width = (mel(8000) - mel(20)) / 41
    centre = mel(20) + (band + 1) * width
    assert abs(mel(hertz) - centre) <= 0.55 * width  # half a band, and a little for the FFT's grid


def test_twice_the_amplitude_is_log_four() -> None:
    quiet, _ = features(Settings(mels=40, **PLAIN), noise(4000))
    loud, _ = features(Settings(mels=40, **PLAIN), 2 * noise(4000))
    torch.testing.assert_close(loud - quiet, torch.full_like(quiet, math.log(4)), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("mels", "rate", "low", "high"), [(80, 16_000, 20, 8000), (40, 8000, 0, 3800)])
def test_filters_are_those_of_torchaudio(mels: int, rate: int, low: float, high: float) -> None:
    size = 512
    theirs = torchaudio.functional.melscale_fbanks(
        size // 2 + 1, low, high, mels, rate, norm=None, mel_scale="htk"
    )
    ours = mel_filters(mels, size, rate, low, high)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-5)  # theirs is computed in float32
    assert ours.max() <= 1


@pytest.mark.parametrize("path", [(80, 16_000, 512), (80, 8000, 256), (40, 16_000, 512)])
def test_every_band_hears_something(path: tuple[int, int, int]) -> None:
    mels, rate, size = path
    assert (mel_filters(mels, size, rate, 20, rate / 2).sum(0) > 0).all()


def by_hand(waveform: np.ndarray, settings: Settings) -> np.ndarray:
    """Frame by frame in float64: window centred on sample t * hop, silence outside, power, mel, log."""
    window, hop = settings.window_samples, settings.hop_samples
    size = 2 ** math.ceil(math.log2(window))
    emphasised = waveform.copy()
    emphasised[1:] -= settings.pre_emphasis * waveform[:-1]
    emphasised[0] -= settings.pre_emphasis * waveform[0]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    filters = mel_filters(settings.mels, size, settings.sample_rate, settings.low, settings.upper_edge)
    rows = []
    for frame in range(1 + len(waveform) // hop):
        samples = np.zeros(window)
        for place in range(window):
            source = frame * hop - window // 2 + place
            if 0 <= source < len(waveform):
                samples[place] = emphasised[source]
        power = np.abs(np.fft.rfft(samples * hann, size)) ** 2
        rows.append(np.log(np.maximum(power @ filters, settings.floor)))
    return np.array(rows)


@pytest.mark.parametrize("samples", [2000, 1600, 399, 160, 159, 1])
def test_frames_as_described(samples: int) -> None:
    settings = Settings(mels=30, normalise="none")
    found, (frames,) = features(settings, noise(samples))
    assert frames == 1 + samples // 160
    expected = by_hand(noise(samples).double().numpy(), settings)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-3, rtol=1e-4)


def test_click_is_in_the_frames_around_it() -> None:
    """Frame t is centred on sample t * hop: a click at sample 1600 is loudest in frame 10, alike in 9 and 11."""
    waveform = torch.zeros(3200)
    waveform[1600] = 1.0
    found, _ = features(Settings(mels=20, **PLAIN), waveform)
    loudness = found[0].mean(1)
    assert loudness.argmax() == 10
    assert loudness[9].item() == pytest.approx(loudness[11].item(), abs=1e-4)
    assert loudness[8].item() == pytest.approx(
        math.log(1e-10), abs=1e-4
    )  # 320 samples off: not in the window
    assert (loudness > math.log(1e-10) + 1).nonzero().flatten().tolist() == [9, 10, 11]


def test_silence_is_the_floor() -> None:
    found, _ = features(Settings(mels=20, normalise="none", floor=1e-8), torch.zeros(1000))
    torch.testing.assert_close(found, torch.full_like(found, math.log(1e-8)))


def test_normalised_over_each_utterance() -> None:
    found, frames = features(Settings(mels=20), noise(9000), 5 * noise(5000, 2))
    for row, count in enumerate(frames):
        speech = found[row, :count]
        torch.testing.assert_close(speech.mean(0), torch.zeros(20), atol=1e-4, rtol=0)
        torch.testing.assert_close(speech.var(0, correction=0), torch.ones(20), atol=1e-3, rtol=0)
        assert not found[row, count:].any()


@pytest.mark.parametrize("kind", ["log-mel", "mfcc"])
@pytest.mark.parametrize("normalise", ["utterance", "none"])
@pytest.mark.parametrize("padding", [0.0, 7.0, math.nan, math.inf])
def test_padding_changes_nothing(kind: str, normalise: str, padding: float) -> None:
    settings = Settings(kind=kind, mels=40, normalise=normalise)
    waveforms = [noise(4000), noise(16_000, 2), noise(1000, 3), noise(160, 4)]
    together, frames = features(settings, *waveforms, padding=padding)
    for row, waveform in enumerate(waveforms):
        alone, (count,) = features(settings, waveform)
        assert frames[row] == count == alone.shape[1]
        torch.testing.assert_close(together[row, :count], alone[0], atol=1e-4, rtol=1e-5)
        assert not together[row, count:].any()


def test_cosines_are_orthonormal() -> None:
    cosines = FrontEnd(Settings(kind="mfcc", mels=26, coefficients=26)).cosines
    torch.testing.assert_close(cosines.T @ cosines, torch.eye(26), atol=1e-5, rtol=0)


def test_cepstra_are_the_dct_of_log_mel() -> None:
    cepstra, _ = features(Settings(kind="mfcc", mels=26, coefficients=13, **PLAIN), noise(3000))
    energies, _ = features(Settings(mels=26, **PLAIN), noise(3000))
    assert cepstra.shape == (1, 19, 13)
    for k in range(13):  # the definition of DCT-II, one coefficient at a time
        weights = [math.cos(math.pi * k * (2 * n + 1) / 52) for n in range(26)]
        scale = math.sqrt((1 if k == 0 else 2) / 26)
        expected = scale * (energies[0] * torch.tensor(weights)).sum(1)
        torch.testing.assert_close(cepstra[0, :, k], expected, atol=1e-3, rtol=1e-4)


def test_a_flat_spectrum_has_one_cepstrum() -> None:
    cosines = FrontEnd(Settings(kind="mfcc", mels=25, coefficients=5)).cosines
    torch.testing.assert_close(torch.ones(25) @ cosines, torch.tensor([5.0, 0, 0, 0, 0]), atol=1e-5, rtol=0)


def test_tables_are_not_weights() -> None:
    assert FrontEnd(Settings()).state_dict() == {}


@pytest.mark.parametrize("shapes", [((5,), (1,)), ((2, 5), (3,)), ((1, 2, 5), (1,)), ((2, 5), (2, 1))])
def test_wrong_shapes_say_which_were_expected(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    waveforms, lengths = shapes
    with pytest.raises(ValueError, match=r"expected waveforms \(B, samples\) and lengths \(B,\), got"):
        FrontEnd(Settings())(torch.zeros(waveforms), torch.ones(lengths, dtype=torch.long))
