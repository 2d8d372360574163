"""L3: workers, processes, and going on with another number of them change no bit.

Every layout is tried in one process, with ranks in threads that add what they exchange; some of them, and all of them
among the slow tests, in real processes that are killed.
"""

import itertools
import random
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sessions import STEPS, Moment, Run, ended, facts, recipe
from thread_ranks import Meeting, ThreadRanks

from asr.model.acoustic import AcousticModel, new_model
from asr.model.bundle import weights_digest
from asr.recipe import Recipe
from asr.runs.record import Record
from asr.scoring import ErrorCounts, Score
from asr.tokenizer import build_tokenizer
from asr.training.examples import Example
from asr.training.gradients import ExactSum, FloatSum
from asr.training.reports import Interrupted
from asr.training.selection import select
from asr.training.trainer import Trainer

SIZES = (1, 2, 4)
LAYOUTS = tuple(itertools.product(SIZES, SIZES))  # workers, ranks
Layout = tuple[int, int]
EVERY_STEP = {"train__checkpoint_seconds": 1e-6}
OFF = {"numerics__determinism": "off"}
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Setting:
    """What trainers of all ranks share."""

    examples: Sequence[Example]
    tokens: int

    def train(
        self, folder: Path, settings: Recipe, layout: Layout, should_stop: Callable[[], bool] = lambda: False
    ) -> list[Trainer]:
        """One session; its trainers, the lead first. All of them end in the same way."""
        workers, size = layout
        meeting = Meeting(size)
        trainers = [
            Trainer(
                new_model(settings.front_end, settings.model, self.tokens, settings.seed),
                self.examples,
                settings,
                folder,
                evaluate=probe,
                settings="all the same",
                workers=workers,
                ranks=ThreadRanks(rank, size, meeting),
                should_stop=should_stop if rank == 0 else lambda: False,
            )
            for rank in range(size)
        ]
        trouble: list[BaseException] = []

        def work(trainer: Trainer) -> None:
            try:
                trainer.train()
            except BaseException as error:  # noqa: BLE001  # raised again below
                trouble.append(error)
                if not isinstance(error, Interrupted):
                    meeting.barrier.abort()

        threads = [threading.Thread(target=work, args=(trainer,)) for trainer in trainers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if trouble:
            assert len(trouble) == size  # not one of them goes on, nor waits for one that has ended
            assert all(isinstance(error, Interrupted) for error in trouble), trouble
            raise trouble[0]
        return trainers


def probe(model: AcousticModel) -> Score:
    """Stands for a development set: a number that every weight moves."""
    total = sum(float(value.double().abs().sum()) for value in model.state_dict().values())
    errors = int(total * 1e6) % 100
    counts = ErrorCounts(hits=100 - errors, substitutions=errors)
    return Score(counts, counts, sentences=10, wrong_sentences=min(errors, 10), interval=(0.0, 1.0))


def outcome(trainer: Trainer) -> dict[str, Any]:
    """The way, and where it ends."""
    learner = trainer.learner
    return {
        "trail": trainer.cursor.trail,
        "weights": weights_digest(learner.model.state_dict()),
        "average": weights_digest(learner.average.model.state_dict()),
        "place": trainer.cursor.place(),
    }


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    texts = [miniature.words_of(f"layout-{number}") for number in range(18)]
    utterances = miniature.write_utterances(tmp_path_factory.mktemp("audio"), texts)
    plain = recipe()
    tokenizer = build_tokenizer(plain.tokenizer, [text.lower() for text in texts])
    model = new_model(plain.front_end, plain.model, tokenizer.size, seed=1)
    chosen, left_out = select(utterances, tokenizer, model, plain)
    assert not left_out
    return Setting(chosen, tokenizer.size)


@pytest.fixture(scope="module")
def alone(setting: Setting, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One worker, one rank, in one go."""
    (trainer,) = setting.train(tmp_path_factory.mktemp("alone"), recipe(), (1, 1))
    assert len(trainer.cursor.trail) == STEPS + 1
    return outcome(trainer)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout != (1, 1)] + [(1, 3), (2, 5)])
def test_every_layout_in_threads(
    setting: Setting, tmp_path: Path, alone: dict[str, Any], layout: Layout
) -> None:
    """Also a number of ranks that divides nothing, and one with more ranks than micro-batches."""
    lead, *others = setting.train(tmp_path, recipe(), layout)
    assert outcome(lead) == alone
    for other in others:  # each has computed the whole way for itself
        assert outcome(other)["weights"] == alone["weights"]
        assert outcome(other)["trail"] == alone["trail"]


sessions_of = st.lists(st.tuples(st.sampled_from(LAYOUTS), st.integers(1, 7)), min_size=2, max_size=4)


@settings(
    max_examples=3, phases=(Phase.explicit, Phase.generate)
)  # a rank that waits in vain waits long: no shrinking
@given(sessions_of)
@example([((2, 2), 6), ((1, 2), 1), ((4, 1), 3)])  # the second one stops before its first step
def test_every_session_on_another_layout(
    setting: Setting,
    tmp_path_factory: pytest.TempPathFactory,
    alone: dict[str, Any],
    stops: list[tuple[Layout, int]],
) -> None:
    """Stopped after so many steps, gone on with by others."""
    folder = tmp_path_factory.mktemp("layouts")
    for layout, steps in stops:
        try:
            lead = setting.train(folder, recipe(), layout, miniature.on_step(steps))[0]
        except Interrupted:
            continue
        break
    else:
        lead = setting.train(folder, recipe(), (2, 2))[0]
    assert outcome(lead) == alone


def test_floats_added_by_ranks_are_no_layout_proof(setting: Setting, tmp_path: Path) -> None:
    """The negative control: with plain sums of floats the tests above must fail.

    One worker each, so that only the sum over ranks differs: ((a + b) + c) + d against (a + c) + (b + d).
    """
    trails = {}
    for ranks in (1, 2):
        lead = setting.train(tmp_path / str(ranks), recipe(**OFF, train__epochs=1), (1, ranks))[0]
        trails[ranks] = lead.cursor.trail
    first, second = (trails[ranks][1] for ranks in (1, 2))
    assert (first["heard"], first["loss"]) == (second["heard"], second["loss"])  # the same on the way there
    assert first["gradient"] != second["gradient"]
    assert trails[1][-1]["weights"] != trails[2][-1]["weights"]


def test_why_the_control_surely_differs() -> None:
    """Two groupings of four floats of like size round alike in a share of cases that is far below one.

    So ten thousand sums cannot all agree; sums of integers do.
    """
    generator = torch.Generator().manual_seed(1)
    parts = [torch.randn(10_000, generator=generator) * 10.0**-magnitude for magnitude in (2, 2, 3, 3)]
    parameters = [torch.nn.Parameter(torch.zeros(10_000))]
    found = {}
    for kind in (FloatSum, ExactSum):
        whole, even, odd = kind(parameters), kind(parameters), kind(parameters)
        for index, part in enumerate(parts):
            whole.add([part], 4, "all")
            (odd if index % 2 else even).add([part], 4, "all")
        even.flat += odd.flat
        found[kind] = float((even.gradients()[0] != whole.gradients()[0]).float().mean())
    assert found[ExactSum] == 0
    assert found[FloatSum] > 0.2


def test_two_processes(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    run = Run(tmp_path, corpus, recipe())
    record = run.finish(processes=2)
    assert record.sessions[0].processes == 2
    assert facts(record) == facts(uninterrupted)
    run.check_alone()


def test_begun_on_two_processes_killed_and_gone_on_with_by_four_workers(
    corpus: Path, tmp_path: Path, uninterrupted: Record
) -> None:
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP))
    assert ended(run.forked(processes=2, dies=Moment("os.rename", CHECKPOINT, 8))) == -signal.SIGKILL
    run.check_alone()
    run.check_whole()
    record = run.finish(workers=4)
    assert [(session.processes, session.workers) for session in record.sessions] == [(2, 1), (1, 4)]
    assert facts(record) == facts(uninterrupted)


def test_processes_that_add_floats(corpus: Path, tmp_path: Path) -> None:
    """The negative control with real processes and gloo: two give other bits than one."""
    records = {}
    for processes in (1, 2):
        run = Run(tmp_path / str(processes), corpus, recipe(**OFF, train__epochs=1))
        records[processes] = run.finish(processes=processes)
    used = records[2].numerics
    assert used is not None
    assert (used.determinism, used.gradient_sum) == ("off", "float32")
    first, second = (records[processes].trail[1] for processes in (1, 2))
    assert (first.heard, first.loss) == (second.heard, second.loss)
    assert first.gradient != second.gradient
    assert facts(records[1])["weights"] != facts(records[2])["weights"]


@pytest.mark.slow
@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout != (1, 1)])
def test_every_layout_in_processes(
    corpus: Path, tmp_path: Path, uninterrupted: Record, layout: Layout
) -> None:
    workers, processes = layout
    run = Run(tmp_path, corpus, recipe())
    assert facts(run.finish(workers=workers, processes=processes)) == facts(uninterrupted)
    run.check_alone()


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(3))
def test_killed_on_every_layout_and_gone_on_with_on_the_next(
    corpus: Path, tmp_path: Path, uninterrupted: Record, turn: int
) -> None:
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP))
    layouts = random.Random(turn).sample(LAYOUTS, len(LAYOUTS))
    for workers, processes in layouts:  # two steps and a lost one each
        session = run.forked(workers=workers, processes=processes, dies=Moment("os.rename", CHECKPOINT, 3))
        assert ended(session) == -signal.SIGKILL, run.said
        run.check_alone()
        run.check_whole()
    assert facts(run.finish(workers=2, processes=2)) == facts(uninterrupted), layouts
