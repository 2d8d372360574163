"""Many files over a Ray cluster: an actor a core, each with a model of its own. Ray starts again what is lost.

The extra `ray` installs it. RAY_ADDRESS says where the cluster is; without it, one is started on this machine, with its
files in a temporary folder, and stopped at the end. Its usage statistics are off. Model and files must be found under
the same absolute paths on every machine.
"""

import importlib
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from asr.audio import Track
from asr.errors import AsrError, AudioError
from asr.numerics import available_cores, pin
from asr.transcribe.transcript import Found, Wanted

TASK = 64  # files that an actor gets at a time
RETRIES = 1  # of a task whose actor was lost
LONGEST = 40  # characters of the folder for temporary ones


def transcribe_on_cluster(
    model: str | Path,
    files: Iterable[str | Path | Track | None],
    *,
    actors: int = 0,
    device: str = "cpu",
    wanted: Wanted | None = None,
) -> Generator[tuple[Path | Track, Found]]:
    """Transcripts of files, in order, as `Transcriber.many` gives them. Tracks are of files, not of streams.

    Args:
        model: a bundle folder, or the folder of a run.
        actors: processes, each with one core; 0: as many as the cluster has cores.

    Raises:
        AsrError: Ray is not installed.
        BundleError: no model there, or it is damaged.
    """
    with _connected() as ray:
        count = actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
        kind = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=RETRIES)(_Actor)
        started = [kind.remote(str(Path(model).absolute()), device, wanted or Wanted()) for _ in range(count)]
        try:
            for actor, task, answers in _in_flight(started, files, 2 * count):
                yield from zip(task, _answers(ray, actor, task, answers), strict=True)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AsrError):
                raise error.cause from None
            raise


@contextmanager
def _connected() -> Iterator[Any]:
    """The module, connected to a cluster."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or it warns of a change to come
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = (
        "1"  # of tasks that nobody waits for, when an earlier one failed
    )
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise AsrError(
            "--ray: Ray is not installed; pip install 'attest-asr[ray]', or leave it out"
        ) from None
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    folder = _temporary_folder()
    here: dict[str, Any] = {
        "address": "local",
        "num_cpus": available_cores(),
        "include_dashboard": False,
        "_temp_dir": str(folder),
    }
    try:
        _connect(ray, {**quiet, **({} if os.environ.get("RAY_ADDRESS") else here)})
        yield ray
    finally:
        ray.shutdown()
        _remove(folder)


def _connect(ray: Any, settings: dict[str, Any]) -> None:
    try:
        ray.init(**settings)
    except ConnectionError as error:
        raise AsrError(
            f"RAY_ADDRESS={os.environ.get('RAY_ADDRESS', '')}: no Ray cluster answers there "
            f"({' '.join(str(error).split())[:200]})"
        ) from None


def _temporary_folder() -> Path:
    """Not deep down: Ray's sockets are in it, and a socket's path has 107 characters at most."""
    parent = None if len(tempfile.gettempdir()) <= LONGEST else "/tmp"
    return Path(tempfile.mkdtemp(prefix="asr-ray-", dir=parent))


def _remove(folder: Path) -> None:
    """Ray's processes end a little later than it says, and may still write."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


class _Actor:
    """Loads the model with the first task, so that what is wrong with it is an answer."""

    def __init__(self, model: str, device: str, wanted: Wanted) -> None:
        pin()
        self._model, self._device, self._wanted = model, device, wanted
        self._transcriber: Any = None

    def hear(self, files: list[str | Track]) -> list[Found]:
        from asr.transcribe.transcriber import Transcriber

        if self._transcriber is None:
            self._transcriber = Transcriber(self._model, device=self._device, **asdict(self._wanted))
        return [found for _, found in self._transcriber.many(files)]


def _in_flight(
    actors: Sequence[Any], files: Iterable[str | Path | Track | None], most: int
) -> Iterator[tuple[Any, list[Path | Track], Any]]:
    """Hands tasks to the actors in turns, and yields each when it is due, with not more than so many ahead of it."""
    names = (file if isinstance(file, Track) else Path(file) for file in files if file is not None)
    ahead: deque[tuple[Any, list[Path | Track], Any]] = deque()
    turns = cycle(actors)
    while task := list(islice(names, TASK)):
        actor = next(turns)
        ahead.append((actor, task, _hear(actor, task)))
        if len(ahead) >= most:
            yield ahead.popleft()
    yield from ahead


def _hear(actor: Any, task: list[Path | Track]) -> Any:
    return actor.hear.remote([_absolute(file) for file in task])


def _absolute(file: Path | Track) -> str | Track:
    """As another process, in another folder, can open it."""
    if isinstance(file, Path):
        return str(file.absolute())
    if not isinstance(file.source, str | Path):
        raise ValueError(f"{file}: other processes need the path of a file, got {file.source!r}")
    return replace(file, source=str(Path(file.source).absolute()), name=str(file))


def _answers(ray: Any, actor: Any, task: list[Path | Track], answers: Any) -> list[Found]:
    """A file that ends its actor, also when it is tried again by itself, is reported, and the others are not lost."""
    try:
        return [_as_named(path, found) for path, found in zip(task, ray.get(answers), strict=True)]
    except ray.exceptions.RayActorError as error:
        if len(task) > 1:
            return [found for path in task for found in _answers(ray, actor, [path], _hear(actor, [path]))]
        reason = " ".join(str(error).split())
        return [
            AudioError(f"{task[0]}: the actor that read it ended more than once; leave it out ({reason})")
        ]


def _as_named(path: Path | Track, found: Found) -> Found:
    """Actors need absolute paths; a message has the one that was given."""
    if isinstance(found, AudioError) and isinstance(path, Path):
        return AudioError(str(found).replace(str(path.absolute()), str(path), 1))
    return found
