"""Processes that share a step: who computes what, and what they exchange arrives to the last bit."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import TrainingError
from asr.training import joining
from asr.training.joining import count_ready, find_store, open_store, say_ready
from asr.training.ranks import Ranks

SIZES = (2, 3, 4)
LARGE = 2**62 - 1  # far beyond what a double counts exactly

# torch is imported once; the ranks are forked from there and speak by gloo, as in earnest. All of them are: the process
# that forks never joins, since what joins has threads, and a fork of threads may inherit a lock that nobody opens.
SCRIPT = """
import json, os, sys
import torch
from asr.errors import TrainingError
from asr.training.joining import count_ready, find_store, join, leave, open_store, say_ready
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

def long(ranks):
    numbers = torch.arange(300_001) - 150_000 + ranks.rank
    ranks.add(numbers)
    first = sum(range(ranks.size))
    expected = (torch.arange(300_001) - 150_000) * ranks.size + first
    return bool(torch.equal(numbers, expected))

def texts(ranks):
    words = ["", "rank 1: ü🎤", "x" * 100_000, chr(10)]
    return [len(text) if len(text) > 99 else text for text in ranks.from_all(words[ranks.rank])]

def tensors(ranks):
    bits = torch.tensor([0x7FC00123, -1, 0, 1, -(1 << 31)], dtype=torch.int32)  # NaNs, -0.0, a denormal number
    floats = bits.view(torch.float32) if ranks.leads else torch.full((5,), 7.0)
    scalar = torch.tensor(3.5 if ranks.leads else 9.0, dtype=torch.float64)
    parameter = torch.nn.Parameter(torch.ones(2, 3) * (ranks.rank + 1))
    for tensor in (floats, scalar, parameter):
        ranks.tensor_from_lead(tensor)
    return [floats.view(torch.int32).tolist(), scalar.item(), parameter.tolist()]

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
    for work in (integers, from_lead, floats, long, texts, tensors, lost)
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
def test_a_long_row_is_added_in_pieces(told: Any, size: int) -> None:
    assert told["long"][str(size)]["found"] == [True] * size


@pytest.mark.parametrize("size", SIZES)
def test_texts_of_all_reach_all(told: Any, size: int) -> None:
    words = ["", "rank 1: ü🎤", 100_000, "\n"][:size]
    assert told["texts"][str(size)]["found"] == [words] * size


@pytest.mark.parametrize("size", SIZES)
def test_tensors_of_the_lead_arrive_bit_for_bit(told: Any, size: int) -> None:
    expected = [[0x7FC00123, -1, 0, 1, -(1 << 31)], 3.5, [[1.0] * 3] * 2]
    assert told["tensors"][str(size)]["found"] == [expected] * size


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
    monkeypatch.setattr(joining, "FIND", joining.FIND / 20)
    store = open_store(2)
    port = store.port
    say_ready(find_store(port, 2))
    assert count_ready(store) == 1
    del store
    with pytest.raises(TrainingError, match="the process that leads this training has ended"):
        find_store(port, 2)


CARDS = """
import sys
from pathlib import Path
import torch
from asr.training.joining import join, leave
from asr.training.ranks import with_cards
rank, place = int(sys.argv[1]), sys.argv[2]
device = torch.device("cuda", rank)
store = torch.distributed.FileStore(place, 2)
ranks = with_cards(join(rank, 2, store), device, "here")
assert ranks.cards is not None
numbers = torch.arange(300_001, device=device) + (1 << 61) * rank
ranks.add(numbers)
assert torch.equal(numbers.cpu(), 2 * torch.arange(300_001) + (1 << 61))
assert ranks.from_lead([5 + rank]) == [5]
leave()
"""


@pytest.mark.gpu
def test_integers_add_up_exactly_on_two_cards(tmp_path: Path) -> None:
    """By NCCL. Written without a machine to try it on."""
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    started = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", CARDS, str(rank), str(tmp_path / "store")])
        for rank in range(2)
    ]
    try:
        assert [process.wait(120) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()
