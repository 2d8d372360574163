"""How to run, as opposed to what: none of it changes the result."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """Settings of one session of a run."""

    corpus: Path | None = None  # archive or folder; None downloads the corpus, or makes it
    out: Path | None = None  # run folder; None is named after the recipe
    files: tuple[Path, ...] = ()  # folders in which files that the recipe names are looked for, in this order
    cache: Path = Path("~/.cache/attest-asr")  # downloaded and unpacked corpora
    device: str = "auto"
    workers: int = 1  # threads on the CPU in each process
    processes: int = 1  # on this machine, that share the micro-batches of a step
    trained: Path | None = None  # a run whose training is taken over: its recipe differs in the decoder alone
    start: Path | None = None  # a checkpoint to begin at, for an audit: such a run ends with its training
    last_step: int = 0  # of the training, after which to stop; 0 goes to the end
    fresh: bool = False  # throw away what the folder holds and start over
    check_lock: bool = True  # refuse a corpus that is not the one of data/NAME.lock.json
    check_leaks: bool = True  # refuse what the parts share, unless the recipe waives it
    tensorboard: bool = False  # also write TensorBoard events
    command: str = ""  # for the record
