"""How to search, as opposed to what: none of it changes what a trial comes to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TuningOptions:
    """How a study is run; none of it changes what its trials come to."""

    corpus: Path | None = None  # archive or folder; None downloads the corpus, or makes it
    out: Path | None = None  # folder of the study; None is named after the recipe
    files: tuple[Path, ...] = ()  # folders in which files that the recipe names are looked for
    cache: Path = Path("~/.cache/attest-asr")
    device: str = "auto"
    workers: int = 1  # processes that train a trial each
    fresh: bool = False  # throw away what the folder holds
    check_lock: bool = True  # refuse a corpus that is not the one of its lock file
    command: str = ""  # for the record
