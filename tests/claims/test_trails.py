"""The first step at which two trainings differ: planted anywhere, it is found again, at its step and in its place."""

from collections.abc import Collection, Iterator, Sequence
from math import nextafter
from pathlib import Path

import by_hand
import miniature
import pytest
from history import PRINTS, STATE, History
from hypothesis import given
from hypothesis import strategies as st

from asr.claims.trails import FirstDifference, Place, Way, first_difference, steps_in_common
from asr.runs.options import RunOptions
from asr.runs.record import Epoch, Record, TrailEntry
from asr.runs.run import run

STEPS = 12
PLACES: dict[str, Place] = {"heard": "audio", "loss": "loss", "gradient": "gradient"}
ONE = History.of(STEPS)
RECORD = by_hand.record()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A run of twelve steps that tells of the state after each."""
    home = tmp_path_factory.mktemp("real")
    corpus = miniature.write_corpus(home)
    options = RunOptions(corpus=corpus, out=home / "run", cache=home / "cache", check_lock=False)
    record = run(miniature.recipe(train__epochs=4, train__digest_every=1), options)[1]
    assert [entry.step for entry in record.trail] == list(range(STEPS + 1))
    return record


def history_of(record: Record) -> History:
    """Of a record with a digest of every step."""
    prints = [{kind: getattr(entry, kind) for kind in PRINTS} for entry in record.trail[1:]]
    return History(
        tuple(prints), tuple({kind: getattr(entry, kind) for kind in STATE} for entry in record.trail)
    )


def way(trail: Sequence[TrailEntry], epochs: Sequence[Epoch] = ()) -> Way:
    return Way.of(RECORD.model_copy(update={"trail": list(trail), "epochs": list(epochs)}))


def observed(trail: Sequence[TrailEntry]) -> dict[tuple[int, str], str]:
    """Everything that a trail says, by step and kind; of the strings, four digits a step."""
    found, before = {}, 0
    for entry in trail:
        for kind in PRINTS:
            text = getattr(entry, kind)
            assert len(text) == 4 * (entry.step - before)
            found |= {
                (before + place // 4 + 1, kind): text[place : place + 4] for place in range(0, len(text), 4)
            }
        found |= {(entry.step, kind): getattr(entry, kind) for kind in STATE}
        before = entry.step
    return found


def state_place(step: int, kinds: Collection[str]) -> Place:
    """The cursor is where the training stands, which can be other with the same tensors."""
    return "cursor" if set(kinds) == {"cursor"} else "update" if step else "start"


def expected(first: Sequence[TrailEntry], second: Sequence[TrailEntry], start: int) -> FirstDifference | None:
    """By looking at everything that both say, in the order in which a training does it."""
    ours, theirs = observed(first), observed(second)
    both = ours.keys() & theirs.keys()
    same = -1
    for step in range(start, STEPS + 1):
        for kind, place in PLACES.items():
            if step > start and (step, kind) in both and ours[step, kind] != theirs[step, kind]:
                return FirstDifference(step, step - 1, place, 0)
        states = [(step, kind) for kind in STATE if (step, kind) in both]
        if differing := {kind for step, kind in states if ours[step, kind] != theirs[step, kind]}:
            return FirstDifference(step, same, state_place(step, differing), 0)
        same = step if states else same
    return None


@st.composite
def plants(draw: st.DrawFn) -> tuple[int, list[str], bool]:
    """A step, what is different from there on, and whether all that comes after is different too."""
    step = draw(st.integers(0, STEPS))
    kinds = st.sampled_from((*PRINTS, *STATE) if step else STATE)
    return step, draw(st.lists(kinds, min_size=1, max_size=3, unique=True)), draw(st.booleans())


@given(
    plants(),
    st.tuples(st.integers(1, 13), st.integers(1, 13)),
    st.integers(1, 13),
    st.tuples(st.integers(1, STEPS), st.integers(1, STEPS)),
    st.integers(0, STEPS - 1),
)
def test_planted_difference_is_found_again(
    real: Record,
    plant: tuple[int, list[str], bool],
    every: tuple[int, int],
    epoch: int,
    last: tuple[int, int],
    start: int,
) -> None:
    """Into a copy of a real trail; the two digest their states at other steps, and one can be shorter."""
    step, kinds, spreads = plant
    history = history_of(real)
    other = history.parted(step, kinds, spreads=spreads)
    first, second = history.trail(every[0], epoch, last[0]), other.trail(every[1], epoch, last[1])
    found = first_difference(way(first), way(second), start)
    assert found == expected(first, second, start)
    assert first_difference(way(second), way(first), start) == found
    if found is not None:
        assert found.step >= step or start > step  # never before it was planted
        assert found.after < found.step
    assert steps_in_common(way(first), way(second), start) == max(0, min(last) - start)


@pytest.mark.parametrize("step", range(1, STEPS + 1))
@pytest.mark.parametrize("kind", [*PRINTS, *STATE])
def test_every_step_and_place_when_each_is_digested(real: Record, step: int, kind: str) -> None:
    history = history_of(real)
    found = first_difference(way(history.trail(1)), way(history.parted(step, [kind]).trail(1)))
    assert found == FirstDifference(step, step - 1, PLACES.get(kind, state_place(step, [kind])), 0)


@pytest.mark.parametrize("kind", STATE[:-1])
def test_weights_before_the_first_step(kind: str) -> None:
    found = first_difference(way(ONE.trail(5)), way(ONE.parted(0, [kind]).trail(5)))
    assert found == FirstDifference(0, -1, "start", 0)
    assert str(found) == "the start: the weights before the first step"


def test_what_differs_first_in_a_step_is_named() -> None:
    """Audio, losses, gradient and state of one step differ together: the audio came first."""
    other = ONE.parted(7, ["weights", "gradient", "heard", "loss"], spreads=False)
    found = first_difference(way(ONE.trail(7)), way(other.trail(7)))
    assert found == FirstDifference(7, 6, "audio", 0)
    assert str(found) == "step 7: the audio that was heard"


def test_other_steps_between_digests() -> None:
    """Every 4 and every 6 steps: both have digested their state after 0 and 12, and fingerprints of all steps."""
    first = way(ONE.trail(4))
    assert first_difference(first, way(ONE.trail(6))) is None
    losses = first_difference(first, way(ONE.parted(7, ["loss"]).trail(6)))
    assert losses == FirstDifference(7, 6, "loss", 0)
    # An update that went otherwise shows in the losses of the next step, since no state was digested in between.
    update = first_difference(first, way(ONE.parted(7, ["weights"]).trail(6)))
    assert update == FirstDifference(8, 7, "audio", 0)  # `parted` lets everything after it differ


def test_state_differs_though_the_fingerprints_agree() -> None:
    """Averages do not show in losses. Which step after the last common digest it was is not known, nor claimed."""
    for every, other, step, after, words in (
        (4, 4, 8, 4, "steps 5 to 8: the state after the update"),
        (4, 6, 12, 0, "steps 1 to 12: the state after the update"),
        (1, 1, 6, 5, "step 6: the state after the update"),
    ):
        second = ONE.parted(6, ["average"], spreads=False)
        found = first_difference(way(ONE.trail(every)), way(second.trail(other)))
        assert found == FirstDifference(step, after, "update", 0)
        assert str(found) == words


@pytest.mark.parametrize("kind", STATE)
def test_each_part_of_the_state_counts(kind: str) -> None:
    second = ONE.parted(8, [kind], spreads=False)
    found = first_difference(way(ONE.trail(4)), way(second.trail(4)))
    assert found == FirstDifference(8, 4, state_place(8, [kind]), 0)
    assert str(found).startswith("steps 5 to 8: ")


def test_a_shorter_trail() -> None:
    """What only one of them has done is no difference; what both have done is compared to its end."""
    first = way(ONE.trail(4))
    assert first_difference(first, way(ONE.trail(4, last=7))) is None
    assert steps_in_common(first, way(ONE.trail(4, last=7))) == 7
    assert first_difference(first, way(ONE.parted(8, ["heard"]).trail(4, last=7))) is None
    assert first_difference(first, way(ONE.parted(7, ["heard"]).trail(4, last=7))) == FirstDifference(
        7, 6, "audio", 0
    )


def test_from_a_later_step_on() -> None:
    """An audit looks at nothing before its start, but at the state from which it started."""
    other = ONE.parted(2, ["heard"], spreads=False)
    early = way(History(other.prints[:3] + ONE.prints[3:], ONE.states).trail(4))  # in steps 2 and 3 alone
    assert first_difference(way(ONE.trail(4)), early) == FirstDifference(2, 1, "audio", 0)
    assert first_difference(way(ONE.trail(4)), early, start=4) is None
    started = way(ONE.parted(4, ["optimiser"], spreads=False).trail(4))
    assert first_difference(way(ONE.trail(4)), started, start=4) == FirstDifference(4, -1, "update", 0)
    assert first_difference(way(ONE.trail(4)), started, start=5) == FirstDifference(8, -1, "update", 0)
    assert steps_in_common(way(ONE.trail(4)), started, start=4) == 8
    assert steps_in_common(way(ONE.trail(4)), started, start=12) == 0


def test_the_same_training_does_not_part() -> None:
    assert first_difference(way(ONE.trail(3)), way(ONE.trail(3))) is None
    assert first_difference(way(ONE.trail(3)), way(ONE.trail(5, epoch=2))) is None


def epochs(*losses: float) -> list[Epoch]:
    return [by_hand.epoch(number, 6, loss) for number, loss in enumerate(losses, 1)]


def altered(row: Epoch) -> Iterator[Epoch]:
    """An epoch with one thing changed at a time, each by as little as it can be."""
    yield row.model_copy(update={"train_loss": nextafter(row.train_loss, 9)})
    yield row.model_copy(update={"learning_rate": nextafter(row.learning_rate, 9)})
    yield row.model_copy(update={"clipped": 0.5})
    yield row.model_copy(update={"gradient_norms": {"output": nextafter(1.0, 9)}})
    yield row.model_copy(update={"dev": row.dev.model_copy(update={"wer": nextafter(row.dev.wer, 9)})})
    yield row.model_copy(update={"best": not row.best})


def test_epochs_where_there_is_no_trail() -> None:
    """A record of format 1 beside one of format 2, in either order."""
    first = way([], epochs(3.0, 2.0, 1.0))
    assert first_difference(first, way(ONE.trail(4), epochs(3.0, 2.0))) is None
    second = way(ONE.trail(4), epochs(3.0, 2.5))
    found = first_difference(first, second)
    assert found == first_difference(second, first) == FirstDifference(12, 6, "epoch", 2)
    assert str(found) == "epoch 2 (steps 7 to 12): losses, gradient norms or development results"


def test_anything_in_an_epoch_counts_but_the_clock() -> None:
    (row,) = epochs(3.0)
    for other in altered(row):
        assert first_difference(way([], [row]), way([], [other])) == FirstDifference(6, 0, "epoch", 1), other
    slower = row.model_copy(update={"seconds": 9.0, "warnings": ["slow"]})
    drawn_anew = row.dev.model_copy(update={"wer_interval_95": (0.0, 0.5)})
    for other in (slower, row.model_copy(update={"dev": drawn_anew})):
        assert first_difference(way([], [row]), way([], [other])) is None


def test_only_whole_epochs_are_compared_without_trails() -> None:
    """Steps beyond the last epoch that both have finished are not claimed to be the same."""
    first, ended_early = way([], epochs(3.0, 2.0)), way(ONE.trail(4, last=8), epochs(3.0))
    assert steps_in_common(first, ended_early) == 6
    assert steps_in_common(first, way(ONE.trail(4, last=5), [])) == 0
    assert steps_in_common(first, first) == 12


def test_ways_are_read_from_the_file_as_from_memory(real: Record, tmp_path: Path) -> None:
    again = Record.model_validate_json(real.model_dump_json())
    assert Way.of(again) == Way.of(real)
    assert len(Way.of(real).prints) == STEPS
    assert Way.of(real).prints[1] == (real.trail[1].heard, real.trail[1].loss, real.trail[1].gradient)
