"""The beginning of a session: on what it computes, and what is not as it was before or not the same everywhere."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from asr.numerics import share_cores
from asr.runs.environment import (
    SESSIONS,
    Environment,
    describe_device,
    differences,
    read_code,
    read_environment,
)
from asr.runs.group import Group
from asr.runs.numerics_used import NumericsUsed, numerics_differences, read_numerics
from asr.runs.options import RunOptions
from asr.runs.record import Record, Session

if TYPE_CHECKING:
    import torch


def new_session(
    record: Record, options: RunOptions, group: Group, device: "torch.device"
) -> tuple[Session, Environment, NumericsUsed, list[str]]:
    """Sets the number of computing threads, and looks around.

    Returns:
        The session; environment and what took effect of the settings of numerics; what the user should be told.
    """
    import torch

    determinism = record.recipe.numerics.determinism
    code, name = read_code(), describe_device(device)
    environment, differs = record.environment, []  # read just now, if this is the first session
    if record.sessions:
        last, environment = record.sessions[-1], read_environment()
        differs = differences(record.environment, environment)
        differs += [SESSIONS.differ("device:", last.device, name)] * (name != last.device)
        differs += ["other code"] * (code.digest != last.code.digest)
    torch.set_num_threads(share_cores(determinism, options.workers)[1])
    numerics = read_numerics(determinism)
    if record.numerics:
        differs += numerics_differences(record.numerics, numerics)
    told = [
        f"not as when this run was interrupted: {difference}; the record says so" for difference in differs
    ]
    told += [
        f"not the same on all machines: {difference}; the record says so" for difference in group.differs
    ]
    processes = max(options.processes, group.ranks.size)
    session = Session(
        started=now(),
        finished="",
        workers=options.workers,
        processes=processes,
        machines=list(group.machines),
        device=name,
        code=code,
        peak_memory=0,
        differs=[*differs, *group.differs],
    )
    return session, environment, numerics, [*told, *advice(processes, record.recipe.train.micro_batches)]


def advice(processes: int, micro_batches: int) -> list[str]:
    """Processes that have nothing to do are no error, and no use."""
    if processes <= micro_batches:
        return []
    return [
        f"{processes} processes share steps of {micro_batches} micro-batches, so {processes - micro_batches} of them "
        f"have nothing to compute; start {micro_batches}, or raise train.micro_batches (another recipe, with another "
        "result)"
    ]


def now() -> str:
    """UTC, to the millisecond: two runs may begin in one second, and this tells them apart."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
