"""Processes that share a step: who computes what, and what they exchange arrives to the last bit."""

import json
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import TrainingError
from asr.training import ranks
from asr.training.ranks import Ranks, count_ready, find_store, open_store, say_ready

SIZES = (2, 3, 4)
LARGE = 2**62 - 1  # far beyond what a double counts exactly

# torch is imported once; the ranks are forked from there and speak by gloo, as in earnest. All of them are: the process
# that forks never joins, since what joins has threads, and a fork of threads may inherit a lock that nobody opens.
SCRIPT = """
import json, os, sys
import torch
from asr.errors import TrainingError
from asr.training.ranks import count_ready, find_store, join, leave, open_store, say_ready
torch.set_num_threads(1)

def together(size, work):
    ports, ends, results = os.pipe(), os.pipe(), []
    for rank in range(size):
        reading, writing = os.pipe()
        if not os.fork():
            if rank == 0:
                store = open_store(size)
                os.write(ports[1], b"%05d" % store.port * (size - 1))
            else:
                store = find_store(int(os.read(ports[0], 5)), size)
                say_ready(store)
            found = work(join(rank, size, store))
            ready = count_ready(store) if rank == 0 else None
            leave()
            os.write(writing, json.dumps([found, ready]).encode())
            os.close(ends[1])
            if rank == 0:
                os.read(ends[0], 1)  # the store stays until all others have ended
            os._exit(0)
        os.close(writing)
        results.append(reading)
    for end in (*ports, ends[1]):
        os.close(end)
    told = [json.loads(os.fdopen(reading).read() or "[null, null]") for reading in results]
    os.close(ends[0])
    for _ in range(size):
        os.wait()
    return {"ready": told[0][1], "found": [found for found, _ in told]}

def integers(ranks):
    numbers = torch.tensor([LARGE // ranks.size - ranks.rank, -1, ranks.rank, 1 << 53])
    ranks.add(numbers)
    again = torch.ones(1000, dtype=torch.int64) * (ranks.rank + 1)
    ranks.add(again)
    return [numbers.tolist(), again.unique().tolist()]

def from_lead(ranks):
    mine = [5, -(1 << 62), 7] if ranks.leads else [100 + ranks.rank, 1, 2]
    return [ranks.from_lead(mine), mine]

def lost(ranks):
    if ranks.rank == 1:
        os._exit(3)
    try:
        ranks.add(torch.zeros(3, dtype=torch.int64))
    except TrainingError as error:
        return str(error)

def floats(ranks):
    generator = torch.Generator().manual_seed(1)
    parts = [torch.randn(10_000, generator=generator) for _ in range(ranks.size)]
    mine = parts[ranks.rank].clone()
    ranks.add(mine)
    total = parts[0].clone()
    for part in parts[1:]:
        total += part
    return float((mine != total).float().mean())

LARGE = int(sys.argv[1])
print(json.dumps({
    work.__name__: {size: together(size, work) for size in (2, 3, 4)}
    for work in (integers, from_lead, floats, lost)
}))
"""


@pytest.fixture(scope="module")
def told() -> Any:
    """What ranks in real processes have found, by experiment and their number."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(LARGE)],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("size", SIZES)
def test_integers_add_up_exactly_at_every_rank(told: Any, size: int) -> None:
    expected = [size * (LARGE // size) - size * (size - 1) // 2, -size, size * (size - 1) // 2, size << 53]
    found = told["integers"][str(size)]["found"]
    assert found == [[expected, [size * (size + 1) // 2]]] * size


@pytest.mark.parametrize("size", SIZES)
def test_the_lead_is_heard_and_nobody_else(told: Any, size: int) -> None:
    found = told["from_lead"][str(size)]["found"]
    assert [heard for heard, _ in found] == [[5, -(1 << 62), 7]] * size
    assert found[-1][1] == [100 + size - 1, 1, 2]  # what was given is left alone


@pytest.mark.parametrize("size", SIZES)
def test_all_say_that_they_are_ready(told: Any, size: int) -> None:
    assert told["integers"][str(size)]["ready"] == size - 1


@pytest.mark.parametrize("size", SIZES)
def test_those_left_are_told_that_one_has_ended(told: Any, size: int) -> None:
    lead, lost, *others = told["lost"][str(size)]["found"]
    assert lost is None
    for rank, said in enumerate([lead, *others]):
        number = rank + (rank > 0)
        assert said == (
            f"rank {number} of {size}: another process of this training has ended; the same command goes on from "
            "the last checkpoint"
        )


def test_floats_added_by_gloo_depend_on_the_number_of_ranks(told: Any) -> None:
    """Why integers are exchanged. Of two numbers there is one sum; of three and more, several."""
    shares = {size: told["floats"][str(size)]["found"][0] for size in SIZES}
    assert shares[2] == 0
    assert shares[3] > 0.1
    assert shares[4] > 0.1


@given(st.integers(1, 9), st.integers(0, 50))
def test_every_micro_batch_has_one_rank(size: int, micro_batches: int) -> None:
    shares = [[i for i in range(micro_batches) if Ranks(rank, size).computes(i)] for rank in range(size)]
    assert sorted(index for share in shares for index in share) == list(range(micro_batches))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1  # shared fairly


def test_one_rank_needs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda *_: pytest.fail("asked others"))
    numbers = torch.tensor([1, 2])
    Ranks().add(numbers)
    assert numbers.tolist() == [1, 2]
    assert Ranks().from_lead([3, 4]) == [3, 4]
    assert Ranks().leads
    assert not Ranks(1, 2).leads


def test_a_store_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "FIND", ranks.FIND / 20)
    store = open_store(2)
    port = store.port
    say_ready(find_store(port, 2))
    assert count_ready(store) == 1
    del store
    with pytest.raises(TrainingError, match="the process that leads this training has ended"):
        find_store(port, 2)
