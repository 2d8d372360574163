"""While a window of shards is read, the next one is made ready, and no more than that."""

import threading
from collections.abc import Sequence

import miniature
import pytest

from asr.errors import AudioError
from asr.manifest import Utterance
from asr.training import ahead
from asr.training.ahead import Ahead, read_ahead
from asr.training.examples import Example
from asr.training.plan import WINDOW, plan_training

RECIPE = miniature.recipe()
MANY = [
    Example(Utterance(f"u{n}", f"/x/train-{n // 6:06d}.tar#{n}+7", 1.0, "abc"), (1,))
    for n in range(6 * 3 * WINDOW)
]


def shards(examples: Sequence[Example], rows: Sequence[int]) -> set[str]:
    return {examples[row].utterance.audio_filepath.partition("#")[0] for row in rows}


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(ahead, "make_ready", lambda place: made.append(place.partition("#")[0]))
    return made


def finish(steps: Ahead) -> None:
    """Waits for the thread that makes a window ready, if there is one."""
    if (thread := steps.thread) is not None:
        thread.join(30)
        assert not thread.is_alive()


def test_next_window_is_made_ready(ready: list[str]) -> None:
    plan = plan_training(MANY, RECIPE, 0)
    steps = read_ahead(plan, MANY)
    assert isinstance(steps, Ahead)
    assert list(plan) == [plan[number] for number in range(len(plan))]
    needed: list[set[str]] = [set(), set(), set()]
    for number in range(len(steps)):
        window = plan.window_of(number)  # type: ignore[attr-defined]
        needed[window] |= shards(MANY, [row for batch in steps[number] for row in batch])
        finish(steps)
        assert len(ready) == min(WINDOW * (window + 1), 2 * WINDOW)
    assert set(ready[:WINDOW]) == needed[1]
    assert set(ready[WINDOW:]) == needed[2]


def test_going_on_in_the_middle(ready: list[str]) -> None:
    steps = read_ahead(plan_training(MANY, RECIPE, 0), MANY)
    assert isinstance(steps, Ahead)
    assert steps[len(steps) - 1]
    assert steps.thread is None  # there is nothing after the last window
    assert ready == []
    assert steps[3:5] == list(steps)[3:5]


def test_what_cannot_be_made_ready_is_told_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(place: str) -> None:
        raise AudioError(place)

    monkeypatch.setattr(ahead, "make_ready", fail)
    steps = read_ahead(plan_training(MANY, RECIPE, 0), MANY)
    assert steps[0] == plan_training(MANY, RECIPE, 0)[0]
    assert isinstance(steps, Ahead)
    finish(steps)


def test_files_are_left_alone(ready: list[str]) -> None:
    plan = plan_training(MANY[:30], RECIPE, 0)
    assert read_ahead(plan, MANY[:30]) is plan


def test_a_window_whose_turn_comes_while_another_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch that takes longer than the steps of a window: the window after it is begun when it ends."""
    begun, go_on, made = threading.Event(), threading.Event(), []

    def fetch(place: str) -> None:
        made.append(place.partition("#")[0])
        begun.set()
        assert go_on.wait(30)

    monkeypatch.setattr(ahead, "make_ready", fetch)
    plan = plan_training(MANY, RECIPE, 0)
    steps = read_ahead(plan, MANY)
    assert isinstance(steps, Ahead)
    assert steps[0]
    assert begun.wait(30)
    assert steps[next(n for n in range(len(plan)) if plan.window_of(n) == 1)]  # type: ignore[attr-defined]
    go_on.set()
    finish(steps)
    assert len(set(made)) == len(made) == 2 * WINDOW
