"""Several hearings of one utterance: where each begins, what their mean is, and that nothing else changes."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.model.acoustic import new_model
from asr.model.hearings import Hearings
from asr.model.inference import Inference
from asr.recipe import Convolution, FrontEnd, Model
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs, posteriors

FRONT_END = FrontEnd(sample_rate=8_000, mels=16)
MODEL = Model(convolutions=(Convolution(channels=4, stride=(2, 2)),) * 2, projection=8, hidden=8, layers=1)
GRID = 320  # samples: four frames of 10 ms at 8 kHz


def test_where_they_begin_worked_out_by_hand() -> None:
    """An output is 8 samples: four hearings are 2 apart, so at 3 and 1 to either side of where it is heard once."""
    waveform = np.arange(1, 21, dtype=np.float32)
    placed = Hearings(4, 8).placed(waveform)
    assert [(each.heads, each.tails) for each in placed] == [(1, 1)] * 4
    for each, before in zip(placed, (5, 7, 9, 11), strict=True):
        assert each.samples.tolist() == np.pad(waveform, (before, 16 - before), mode="symmetric").tolist()
        assert each.samples.dtype == np.float32


def test_company_worked_out_by_hand() -> None:
    """Of four hearings the second is in the company of what comes next, the last in that of what was before."""
    waveform, before, after = (np.arange(n, n + 20, dtype=np.float32) for n in (100, 200, 300))
    first, second, third, last = Hearings(4, 8).placed(waveform, before, after)
    alone = Hearings(4, 8).placed(waveform)
    assert first.samples.tolist() == alone[0].samples.tolist()
    assert third.samples.tolist() == alone[2].samples.tolist()
    # One before its place: 7 samples ahead; 17 behind are two outputs and that one sample, and 3 of the 20 are left.
    assert (second.heads, second.tails) == (1, 2)
    assert second.samples.tolist() == [*waveform[6::-1], *waveform, *after[:17]]
    # Three behind it: 19 ahead are two outputs and those three, and 1 of the 20 is left.
    assert (last.heads, last.tails) == (2, 1)
    assert last.samples.tolist() == [*before[1:], *waveform, *waveform[:-6:-1]]


@pytest.mark.parametrize("samples", [1, 8, 20, 100, 1_000])
def test_hearings_in_long_company_have_few_lengths(samples: int) -> None:
    """Multiples of sixteen outputs, as long as they can be; what is near is in them."""
    waveform, company = np.zeros(samples, np.float32), np.arange(1, 401, dtype=np.float32)
    _, second, _, last = Hearings(4, 8).placed(waveform, company, company)
    for each in (second, last):
        assert (samples // 8 + each.heads + each.tails) % 16 == 0
    assert second.heads == last.tails == 1
    assert min(second.tails, last.heads) >= 400 // 8 - 16
    assert second.samples[-8 * second.tails - 1 :].tolist() == company[: 8 * second.tails + 1].tolist()
    assert last.samples[: 8 * last.heads + 3].tolist() == company[-8 * last.heads - 3 :].tolist()


@pytest.mark.parametrize("outputs", [1, 2, 15, 16])
@pytest.mark.parametrize("samples", [80, 100, 112, 240])
def test_short_company_stays_whole(samples: int, outputs: int) -> None:
    """One brief word may be all that there is: nothing of it is cut off for the sake of the length."""
    waveform, company = np.zeros(samples, np.float32), np.ones(8 * outputs + 3, np.float32)
    _, second, _, last = Hearings(4, 8).placed(waveform, company, company)
    assert (second.tails, last.heads) == (outputs, outputs)


@given(st.integers(1, 9), st.integers(1, 700), st.integers(0, 2000), st.integers(0, 2000))
def test_every_place_is_as_often_before_as_behind(count: int, samples: int, before: int, after: int) -> None:
    """Also of a waveform that is shorter than what it is lengthened by. There is one output or more on either side."""
    waveform = np.linspace(-1, 1, samples, dtype=np.float32)
    sound = np.random.default_rng(samples).uniform(2, 3, before + after).astype(np.float32)
    steps = [round((number - (count - 1) / 2) * 320 / count) for number in range(count)]
    assert sorted(steps) == sorted(-step for step in steps)
    placed = Hearings(count, 320).placed(waveform, sound[:before], sound[before:])
    for each, step in zip(placed, steps, strict=True):
        assert len(each.samples) == samples + 320 * (each.heads + each.tails)
        assert min(each.heads, each.tails) >= 1
        place = each.heads * 320 + step
        assert np.array_equal(each.samples[place : place + samples], waveform)


def test_times_stay_where_they_are() -> None:
    """A click in the middle of an output is heard in that output, whatever the number of hearings, and the company's
    are not."""
    waveform = np.zeros(GRID * 9, np.float32)
    waveform[GRID * 5 + GRID // 2] = 1.0

    def loud(waveforms: Sequence[Samples]) -> list[LogProbs]:
        """(outputs, 2) the share of each output's energy, as a probability of token 1."""
        found = []
        for each in waveforms:
            energy = np.square(each[: len(each) // GRID * GRID]).reshape(-1, GRID).sum(1)
            share = 0.01 + 0.98 * np.minimum(energy, 1.0)
            found.append(np.log(np.stack([1 - share, share], axis=1)).astype(np.float32))
        return found

    for count in (1, 2, 3, 4):
        for company in (0, GRID - 1, 5 * GRID, 7 * GRID + 3):
            clicks = np.full(company, 1.0, np.float32)
            heard = Hearings(count, GRID)(waveform, loud, clicks, clicks)
            assert heard.shape == (9, 2)
            assert np.flatnonzero(heard[:, 1] > np.log(0.5)).tolist() == [5]


@pytest.mark.parametrize("samples", [1, 79, 80, 319, 320, 321, 4000, 9999])
def test_as_many_frames_as_of_one_hearing(samples: int) -> None:
    """By a real network; and it is the mean of what that hears, made to add up to one."""
    inference = Inference(new_model(FRONT_END, MODEL, 5, seed=1))
    waveform = np.random.default_rng(1).standard_normal(samples).astype(np.float32)
    often = Hearings.of(4, FRONT_END, MODEL)
    assert often.grid == GRID

    def hear(waveforms: Sequence[Samples]) -> list[LogProbs]:
        return posteriors(inference, waveforms)

    once, found = hear([waveform])[0], often(waveform, hear)
    assert found.shape == once.shape
    np.testing.assert_allclose(np.exp(found).sum(1), 1.0, rtol=1e-5)
    mean = np.mean([hear([each.samples])[0][1:-1] for each in often.placed(waveform)], axis=0)
    mean -= np.log(np.exp(mean).sum(1, keepdims=True))
    np.testing.assert_allclose(found, mean, atol=1e-4)
    assert np.array_equal(Hearings.of(1, FRONT_END, MODEL)(waveform, hear), once)


@pytest.mark.parametrize("samples", [1, 319, 4000])
@pytest.mark.parametrize(("before", "after"), [(0, 700), (700, 0), (8_000, 3_333)])
def test_company_by_a_real_network(samples: int, before: int, after: int) -> None:
    """As many frames, of which those of the hearings alone are as they were; one hearing has no company."""
    inference = Inference(new_model(FRONT_END, MODEL, 5, seed=1))
    sound = np.random.default_rng(1).standard_normal(before + samples + after).astype(np.float32)
    waveform, sides = sound[before : before + samples], (sound[:before], sound[before + samples :])

    def hear(waveforms: Sequence[Samples]) -> list[LogProbs]:
        return posteriors(inference, waveforms)

    once, often = Hearings.of(1, FRONT_END, MODEL), Hearings.of(4, FRONT_END, MODEL)
    assert np.array_equal(once(waveform, hear, *sides), hear([waveform])[0])
    found = often(waveform, hear, *sides)
    assert found.shape == often(waveform, hear).shape
    assert not np.array_equal(found, often(waveform, hear))
    whole = [hear([each.samples])[0][each.heads :] for each in often.placed(waveform, *sides)]
    mean = np.mean([each[: len(found)] for each in whole], axis=0)
    mean -= np.log(np.exp(mean).sum(1, keepdims=True))
    np.testing.assert_allclose(found, mean, atol=1e-4)
