"""What a record gives scores of: greedy decoding, and the search besides, if there is one. Checks treat both alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asr.runs.folder import RunFolder
from asr.runs.record import Outcome, Record, Result


@dataclass(frozen=True)
class Scored:
    """Results of one way to decode."""

    prefix: str  # of its keys in the record: "" or "search."
    results: Mapping[str, Result]  # dev, test
    outcomes: Mapping[str, Mapping[str, Outcome]]  # dev, test: by utterance

    def file(self, part: str) -> str:
        """Name of its hypotheses, in the run folder."""
        return RunFolder(Path()).hypotheses(part, search=bool(self.prefix)).as_posix()


def all_scored(record: Record) -> list[Scored]:
    """Greedy decoding first."""
    found = [Scored("", record.results, record.outcomes)]
    if record.search is not None:
        found.append(Scored("search.", record.search.results, record.search.outcomes))
    return found
