"""The place of a process among others, as launchers tell it."""

import pytest

from asr.errors import RunError
from asr.runs.placement import Placement, read_placement

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_RANK": "1",
    "MASTER_ADDR": "node-a",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_MAX_RESTARTS": "3",
}


def test_torchrun() -> None:
    found = read_placement(TORCHRUN)
    assert found == Placement(rank=5, size=8, local_rank=1, local_size=4, node=1, restarts=3)
    assert (found.leads, found.leads_node) == (False, False)


def test_alone() -> None:
    """Also in a job whose script exports the address of its first machine for whoever will need it."""
    assert read_placement({}) is None
    assert read_placement({"MASTER_ADDR": "node-a", "MASTER_PORT": "29500", "SLURM_PROCID": "3"}) is None


def test_a_launcher_that_says_nothing_of_machines() -> None:
    given = {name: TORCHRUN[name] for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
    found = read_placement(given)
    assert found == Placement(rank=5, size=8, local_rank=5, local_size=8, node=0)
    assert read_placement(given | {"LOCAL_WORLD_SIZE": "4"}) == Placement(5, 8, 1, 4, 1)
    first = read_placement(given | {"RANK": "0"})
    assert first is not None
    assert (first.leads, first.leads_node) == (True, True)


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
@pytest.mark.parametrize("how", ["not set", "empty"])
def test_incomplete(missing: str, how: str) -> None:
    """A WORLD_SIZE left over from a script, for example: better no run than four that each think they are alone."""
    given = {name: value for name, value in TORCHRUN.items() if name != missing}
    given |= {missing: ""} if how == "empty" else {}
    with pytest.raises(RunError, match=f"but not {missing}: .*torchrun.*unset RANK and WORLD_SIZE"):
        read_placement(given)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WORLD_SIZE", "4x", "WORLD_SIZE is '4x'; expected a whole number, 1 or more"),
        ("WORLD_SIZE", "0", "WORLD_SIZE is '0'; expected a whole number, 1 or more"),
        ("RANK", "-1", "RANK is '-1'; expected a whole number, 0 or more"),
        ("RANK", "²", "RANK is '²'; expected a whole number"),
        ("MASTER_PORT", "http", "MASTER_PORT is 'http'"),
        ("RANK", "8", "RANK 8 of WORLD_SIZE 8"),
        ("LOCAL_RANK", "4", "LOCAL_RANK 4 of LOCAL_WORLD_SIZE 4"),
        ("LOCAL_WORLD_SIZE", "9", "LOCAL_WORLD_SIZE 9"),
    ],
)
def test_impossible(name: str, value: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        read_placement(TORCHRUN | {name: value})
