"""What a corpus reader is: where the corpus is to be had, what its folder looks like, who says what in it."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr.errors import CorpusError
from asr.manifest import Utterance
from asr.shard_file import LIST

Progress = Callable[[str, int, int], None]  # (what, done, total); total is 0 when unknown
# "train" and "test", and "dev" where the corpus has development data of its own; utterances in a fixed order.
Splits = Mapping[str, Sequence[Utterance]]

# A corpus converted between these stays the same corpus. Upper case counts too.
AUDIO_SUFFIXES = (".sph", ".wav", ".flac")
MADE_BY = "made-by.txt"  # in the folder of a corpus that was made: which program, of which version
DEPTH = 2  # folders below the given one in which a corpus is looked for


@dataclass(frozen=True)
class CorpusSource:
    """An archive at public addresses."""

    archive: str  # file name under which it is kept in the cache
    urls: tuple[str, ...]  # mirrors, tried in turn
    sha256: str | None = None  # of the archive, only where it is published
    most: int = 1 << 30  # bytes; a mirror that sends more is given up
    md5: str | None = None  # likewise: tells a damaged archive, not a forged one


@dataclass(frozen=True)
class Part:
    """One of the archives of a corpus that has several."""

    folder: str  # glob of the name of its folder
    source: CorpusSource


@dataclass(frozen=True)
class Reader:
    """One corpus: `source` is set when it can be downloaded, `make` when it is made here; never both.

    With neither, it is had with `--corpus` only.

    `read(folder)` is given the folder in which `marker` was found. It opens no audio: every utterance has an
    absolute `audio_filepath`, `duration` 0 (or the stretch of the file that it is) and no digest; `prepare` decodes
    and fills these in. Words stay as the corpus has them; normalising belongs to the recipe. It raises CorpusError
    naming what is missing.

    A corpus of several archives has `parts` instead of `source`: `read` is given the folder of each part that is asked
    for, and what it gives back is put together split by split.

    `make(cache, progress, workers)` gives back the finished folder, kept under `cache`: quick when it is
    there already, never a half one. It says in the file `MADE_BY` what made it.
    """

    name: str
    title: str
    licence: str
    layout: str  # what the folder looks like, for error messages
    marker: str  # glob that matches in the corpus's folder and nowhere else
    read: Callable[[Path], Splits]
    source: CorpusSource | None = None
    make: Callable[[Path, Progress, int], Path] | None = None
    pronunciations: str = ""  # where in that folder its pronunciation lexicon is, if it has one
    lock_beside: str = ""  # name of the lock file in the corpus's folder, where every user has another corpus
    decoded: bool = (
        False  # every utterance comes with its duration and digests, and audio that is checked when read
    )
    language: str = ""  # of its utterances; "" where they have several, or it is not known
    hours: float = 0.0  # of speech, about; 0 where every user has another corpus
    parts: Mapping[str, Part] = field(default_factory=dict)  # by the name that a recipe gives them
    usual_parts: tuple[str, ...] = ()  # those that are meant where none is named; empty: one must be
    nested: str = ""  # glob of archives inside the archive, which are unpacked where they lie
    obtain: str = ""  # how to get it where it cannot be downloaded from here

    def __post_init__(self) -> None:
        if sum(map(bool, (self.source, self.make, self.parts))) > 1:
            raise ValueError(
                f"reader {self.name}: a corpus is downloaded or made, set one of source, parts and make"
            )


class OtherCorpusError(CorpusError):
    """All of it can be read, but it is not the corpus of the lock file."""


def corpus_folder(reader: Reader, given: Path) -> Path:
    """The folder at or up to two levels below `given` in which the reader's marker matches.

    Raises:
        CorpusError: no such folder, or several; the message says which layout was expected.
    """
    if (given / LIST).is_file() and reader.name != "shards":  # their lists would pass for those of recordings
        raise CorpusError(
            f'{given}: these are shards, and the recipe asks for {reader.name}; say corpus.name = "shards" there'
        )
    level = [given]
    for _ in range(DEPTH + 1):
        found = [folder for folder in level if any(folder.glob(reader.marker))]
        if len(found) == 1:
            return found[0].resolve()
        if found:
            raise CorpusError(
                f"{given}: {len(found)} folders look like {reader.name} ({', '.join(map(str, found[:3]))}); "
                f"name one of them"
            )
        level = [sub for folder in level for sub in subfolders(folder)]
    there = sorted(item.name + "/" * item.is_dir() for item in given.iterdir())
    contents = f"found {', '.join(there[:5])}{', ...' if len(there) > 5 else ''}" if there else "it is empty"
    raise CorpusError(f"{given}: {reader.name} is not there ({contents}); expected {reader.layout}")


def subfolders(folder: Path) -> list[Path]:
    """In order; hidden ones are none."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def data_file(name: str) -> Path:
    """A file of the project's `data/` folder; whether it exists is the caller's to check.

    In the source tree the folder lies beside the package; an installed package carries it inside.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "data"
    return (inside if inside.is_dir() else package.parent / "data") / name


def audio_files(folder: Path, suffixes: Sequence[str] = AUDIO_SUFFIXES) -> dict[str, Path]:
    """Audio below `folder`, by relative path without suffix; of several suffixes, the first listed counts."""
    found: dict[str, Path] = {}
    paths = sorted(folder.rglob("*.*"))
    for suffix in reversed(suffixes):
        for path in paths:
            # What begins with a dot, some desktops leave beside a file.
            if path.suffix.lower() == suffix and not path.name.startswith("."):
                found[path.relative_to(folder).with_suffix("").as_posix()] = path
    return found


def text_of(path: Path, expected: str) -> str:
    """The contents of a list of the corpus. `expected` is its layout, for the message."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CorpusError(f"{path}: missing; expected {expected}") from None
    except OSError as error:
        raise CorpusError(f"{path}: not a readable file ({error.strerror}); expected {expected}") from None
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not a text file in UTF-8 ({error})") from None


def need_all(what: str, needed: Collection[str], present: Container[str]) -> None:
    """Raises CorpusError naming what is needed and not present: ten of them and the count."""
    missing = [name for name in needed if name not in present]
    if missing:
        raise CorpusError(f"{what}: {len(missing)} of {len(needed)} missing: {some(missing)}")


def some(names: Sequence[str]) -> str:
    """The first ten names and how many more there are."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
