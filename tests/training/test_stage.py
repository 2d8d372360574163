"""Work of different length at each rank: all wait, and an error of one is an error of all."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from thread_ranks import Meeting, ThreadRanks

from asr.errors import AsrError, CorpusError
from asr.training import stage as module
from asr.training.ranks import LostRank, Ranks
from asr.training.reports import Interrupted
from asr.training.stage import ToldError, stage

FOLDER = Path("run")
Work = Callable[[Callable[[], bool]], None]


def nothing(_: Callable[[], bool]) -> None:
    pass


def together(*works: Work, still: bool = True) -> list[BaseException | None]:
    """What each rank has raised; afterwards they must still be able to exchange, unless one has a bug."""
    meeting, found = Meeting(len(works)), [None] * len(works)  # type: list[BaseException | None]

    def one(rank: int) -> None:
        ranks = ThreadRanks(rank, len(works), meeting)
        try:
            with stage(ranks, FOLDER, f"machine {rank}") as is_vain:
                works[rank](is_vain)
        except BaseException as error:  # noqa: BLE001  # looked at below
            found[rank] = error
        numbers = torch.full((1,), 1 if still else len(works))
        if still:
            ranks.add(numbers)
        assert int(numbers) == len(works)

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found


def test_all_wait_for_the_slowest_and_meanwhile_say_that_they_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)
    beats, ended = [0], [0]
    really = Meeting.add

    def counted(self: Meeting, rank: int, numbers: torch.Tensor) -> None:
        beats[0] += rank == 0
        really(self, rank, numbers)

    monkeypatch.setattr(Meeting, "add", counted)

    def slow(_: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 30
        while beats[0] < 5:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        ended[0] = beats[0]

    assert together(nothing, slow, nothing) == [None, None, None]
    assert 5 <= ended[0] <= beats[0]


def test_an_error_is_told_at_all_ranks_with_its_rank_and_machine() -> None:
    def fail(_: Callable[[], bool]) -> None:
        raise CorpusError("no such folder")

    found = together(nothing, nothing, fail)
    assert [type(error) for error in found] == [ToldError] * 3
    assert {str(error) for error in found} == {"rank 2 of 3 (machine 2): no such folder"}


def test_the_lead_raises_its_own_error_as_it_is() -> None:
    def fail(_: Callable[[], bool]) -> None:
        raise CorpusError("no such folder")

    lead, other = together(fail, nothing)
    assert type(lead) is CorpusError
    assert str(lead) == "no such folder"
    assert str(other) == "rank 0 of 2 (machine 0): no such folder"


def test_of_two_errors_the_first_rank_is_told() -> None:
    def fail(text: str) -> Work:
        def work(_: Callable[[], bool]) -> None:
            raise AsrError(text)

        return work

    found = together(nothing, fail("one"), fail("two"))
    assert {str(error) for error in found} == {"rank 1 of 3 (machine 1): one"}


def test_an_interruption_is_one_of_all() -> None:
    def stop(_: Callable[[], bool]) -> None:
        raise Interrupted(Path("elsewhere"))

    found = together(nothing, stop)
    assert [type(error) for error in found] == [Interrupted] * 2
    assert [str(error.folder) for error in found if isinstance(error, Interrupted)] == ["run", "elsewhere"]


def test_long_work_can_ask_whether_it_is_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lead downloads for an hour; the other machine has failed in the first second."""
    monkeypatch.setattr(module, "BEAT", 0.01)

    def download(is_vain: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 30
        while not is_vain():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        raise Interrupted(FOLDER)

    def fail(_: Callable[[], bool]) -> None:
        raise CorpusError("no space left")

    found = together(download, fail)
    assert {str(error) for error in found} == {"rank 1 of 2 (machine 1): no space left"}


class Lost(Ranks):
    """Whose connection breaks as soon as it is used."""

    def add(self, numbers: torch.Tensor) -> None:
        raise LostRank("gone")


def test_a_lost_rank_is_noticed_during_the_work() -> None:
    with pytest.raises(LostRank, match="gone"), stage(Lost(0, 2), FOLDER):
        pass
    with (
        pytest.raises(CorpusError, match="mine"),
        stage(Lost(0, 2), FOLDER),
    ):  # the cause, not what came of it
        raise CorpusError("mine")


def test_a_bug_ends_the_waiting_of_others() -> None:
    def bug(_: Callable[[], bool]) -> None:
        raise ZeroDivisionError

    first, second = together(nothing, bug, still=False)
    assert isinstance(first, Interrupted)
    assert isinstance(second, ZeroDivisionError)


def test_alone_nothing_is_exchanged() -> None:
    with stage(Ranks(), FOLDER) as is_vain:
        assert not is_vain()
    with pytest.raises(CorpusError), stage(Ranks(), FOLDER):
        raise CorpusError("as it is")
