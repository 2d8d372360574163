"""Several hearings of one utterance: where each begins, what their mean is, and that nothing else changes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_bundle import write_bundle

from asr.engine.several_hearings import SeveralHearings, hearing_often
from asr.model.acoustic import new_model
from asr.model.described import read_described
from asr.model.hearings import Hearings
from asr.model.inference import Inference
from asr.recipe import Convolution, FrontEnd, Model, samples_an_output
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs, posteriors

FRONT_END = FrontEnd(sample_rate=8_000, mels=16)
MODEL = Model(
    convolutions=(Convolution(channels=4, stride=(2, 2)), Convolution(channels=4, stride=(2, 2))),
    projection=8,
    hidden=8,
    layers=1,
)
GRID = 320  # samples: four frames of 10 ms at 8 kHz


def test_where_they_begin_worked_out_by_hand() -> None:
    """An output is 8 samples: four hearings are 2 apart, so at 3 and 1 to either side of where it is heard once."""
    waveform = np.arange(1, 21, dtype=np.float32)
    moved = Hearings(4, 8).moved(waveform)
    assert [len(each) for each in moved] == [20 + 16] * 4
    assert [int(np.flatnonzero(each[:-1] < each[1:])[-20:].min()) for each in moved] == [5, 7, 9, 11]
    for each, before in zip(moved, (5, 7, 9, 11), strict=True):
        assert each[before : before + 20].tolist() == waveform.tolist()
        assert each[:before].tolist() == waveform[:before][::-1].tolist()
        assert each[before + 20 :].tolist() == waveform[20 - (16 - before) :][::-1].tolist()
        assert each.dtype == np.float32


@given(st.integers(1, 9), st.integers(1, 700))
def test_every_place_is_as_often_before_as_behind(count: int, samples: int) -> None:
    """Also of a waveform that is shorter than what it is lengthened by."""
    waveform = np.linspace(-1, 1, samples, dtype=np.float32)
    steps = []
    for each in Hearings(count, 320).moved(waveform):
        assert len(each) == samples + 640
        places = [p for p in range(641) if np.array_equal(each[p : p + samples], waveform)]
        steps.append(min(abs(place - 320) for place in places))
        assert steps[-1] <= 160
    assert steps == steps[::-1]


def test_times_stay_where_they_are() -> None:
    """A click in the middle of an output is heard in that output, whatever the number of hearings."""
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
        heard = Hearings(count, GRID)(waveform, loud)
        assert heard.shape == (9, 2)
        assert int(heard[:, 1].argmax()) == 5


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
    mean = np.mean([hear([each])[0][1:-1] for each in often.moved(waveform)], axis=0)
    mean -= np.log(np.exp(mean).sum(1, keepdims=True))
    np.testing.assert_allclose(found, mean, atol=1e-4)
    assert np.array_equal(Hearings.of(1, FRONT_END, MODEL)(waveform, hear), once)


class Counting:
    """An engine that tells how many waveforms it was given at once."""

    name, device, batched = "torch", "cpu", True

    def __init__(self, grid: int) -> None:
        self.grid, self.given = grid, list[int]()

    def __call__(self, waveforms: Sequence[Samples]) -> list[LogProbs]:
        self.given.append(len(waveforms))
        return [np.log(np.full((len(each) // self.grid, 2), 0.5, np.float32)) for each in waveforms]


def test_an_engine_hears_each_waveform_by_itself(tmp_path: Path) -> None:
    described = read_described(write_bundle(tmp_path)).description
    grid = samples_an_output(described.front_end, described.model)
    engine = Counting(grid)
    assert hearing_often(engine, 1, described) is engine  # type: ignore[arg-type, comparison-overlap]
    often = hearing_often(engine, 3, described)  # type: ignore[arg-type]
    assert isinstance(often, SeveralHearings) and not often.batched
    assert (often.name, often.device) == ("torch", "cpu")
    assert [len(each) for each in often([np.ones(grid, np.float32), np.ones(5 * grid, np.float32)])] == [1, 5]
    assert engine.given == [3, 3]
    assert often([]) == []
