"""What a speech recogniser has to offer to take part in a benchmark, whatever it is.

A system lives in a process of its own (asr.benchmark.worker), so that its memory and its crashes are its own. Its
settings are a table `[[systems]]` of the benchmark's file; the class of that table makes the system.
"""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field

from asr.frozen import Frozen

Json = Any  # what json.dumps takes: str, int, float, bool, None, lists and dicts of them


@dataclass(frozen=True)
class Answer:
    """What a system heard in one file."""

    text: str  # as the system wrote it; normalised later, by one rule for all
    seconds: float  # from being given the path to having the text; loading the model is not in it
    # With how sure it is of each, for a vote; empty where it does not say, or nobody asks.
    words: tuple[tuple[str, float | None], ...] = ()


class System(Protocol):
    """A recogniser. Calls come in this order: identity, open, hear (many times), close; identity may come alone."""

    @property
    def concurrent(self) -> bool:
        """Whether `hear` may be called from several threads at once."""

    @property
    def inside(self) -> bool:
        """Whether it works in the process that calls it. Else the memory of that process is not the system's: only
        that of its children is counted, and where there are none it is unknown."""

    def identity(self) -> dict[str, Json]:
        """All that decides its answers and its speed: digest of weights, versions of packages, settings, command.

        The same identity means the same answers: they are taken from the cache then. No place of this machine, no
        host, no token. Cheap: called before `open`, also where everything is cached.

        Raises:
            HearingError: it is not there (package, file, server); says how to get it.
        """

    def size(self) -> int | None:
        """Bytes of what it needs on disk: weights, dictionaries, language models; None where nobody can know."""

    def open(self) -> None:
        """Loads it. Afterwards the first `hear` is as quick as the others.

        Raises:
            HearingError: it cannot be started.
        """

    def hear(self, path: Path) -> Answer:
        """
        Args:
            path: mono 16-bit PCM WAV of any sample rate, the same file for all systems.

        Raises:
            HearingError: no answer for this file. Whatever else is raised ends the process, and counts as a crash.
        """

    def close(self) -> None:
        """Lets go of everything. Also called where `open` failed."""


class SystemSpec(Frozen):
    """Keys that every table `[[systems]]` has. Each kind has a class of its own, beside its system."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}$")]  # heads its row
    note: str = ""  # how it was used, and what is unfair about it; stands below the table
    timeout: Annotated[float, Field(gt=0)] = 60.0  # seconds for one utterance; later it counts as failed
    start_timeout: Annotated[float, Field(gt=0)] = 600.0  # seconds to load
    at_once: Annotated[int, Field(ge=1)] = 1  # utterances that it is given at the same time

    @abstractmethod
    def system(self, folder: Path) -> System:
        """Makes the system; loads nothing.

        Args:
            folder: of the benchmark's file: relative paths are relative to it.
        """
