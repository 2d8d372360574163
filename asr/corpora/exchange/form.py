"""What a format of recordings is: how a folder of it is read, and how one is written."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from asr.errors import CorpusError
from asr.manifest import Utterance

ALL = "all"  # name of the split where the source has none
# By the word that the names of files and folders begin with: train_clean, dev-other, validation, test.
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_FIRST_WORD = re.compile("[a-z]+")
SOUND = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".sph", ".aif", ".aiff", ".au", ".caf", ".w64"),
    *(".m4a", ".mp4", ".aac", ".webm", ".wma", ".amr"),
)


@dataclass(frozen=True)
class Options:
    """What the source itself does not say, or says in words of its own. "" is to be found out."""

    audio: str = ""  # name of the column with the file, or its sound
    text: str = ""  # of the one with the words
    speaker: str = ""
    id: str = ""
    split: str = ""
    language: str = ""  # of all utterances that do not say theirs
    root: Path | None = None  # what relative paths begin at; None: where the list is
    speaker_folders: bool = False  # a file's folder is called after its speaker
    sounds: Path | None = None  # where sound goes that is no file of its own


@dataclass(frozen=True)
class LeftOut:
    """What could not be made an utterance."""

    id: str
    reason: str


@dataclass(frozen=True)
class Imported:
    """Utterances by split ("train", "dev", "test", or "all" where there are no splits), with absolute paths."""

    splits: Mapping[str, Sequence[Utterance]]
    left_out: Sequence[LeftOut] = field(default_factory=list)


@dataclass(frozen=True)
class Form:
    """A format. `read` raises CorpusError naming file and line; it opens no sound.

    `write(folder, splits)` writes utterances that have their durations, and gives back what the user should know, a
    line each.
    """

    name: str
    title: str
    layout: str  # for messages
    read: Callable[[Path, Options], Imported]
    write: Callable[[Path, Mapping[str, Sequence[Utterance]]], list[str]] | None = None


def split_of(name: str) -> str | None:
    """The split that a file or folder is called after; None where its name says none."""
    word = _FIRST_WORD.match(name.lower())
    return _SPLITS.get(word[0]) if word else None


def split_folders(folder: Path, holds: Callable[[Path], bool]) -> dict[str, list[Path]]:
    """Folders in `folder` that are called after splits and hold something, by split."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        split = split_of(path.name)
        if split and path.is_dir() and holds(path):
            found.setdefault(split, []).append(path)
    return found


def put_together(parts: Iterable[tuple[str, Imported]]) -> Imported:
    """Sources that have no splits of their own, each under the name of one; a source's own splits stay."""
    splits: dict[str, list[Utterance]] = {}
    left_out: list[LeftOut] = []
    for name, found in parts:
        for split, utterances in found.splits.items():
            splits.setdefault(name if split == ALL else split, []).extend(utterances)
        left_out += found.left_out
    return Imported(splits, left_out)


def one_line(text: str) -> str:
    """A text without line ends and runs of white space."""
    return " ".join(text.split())


def lines_of(path: Path) -> list[tuple[int, str]]:
    """Number and contents of each line that is not blank.

    Raises:
        CorpusError: no such file, or not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}: not a text file in UTF-8 ({error}); convert it, for example with iconv"
        ) from None
    except OSError as error:
        raise CorpusError(f"{path}: not a readable file ({error.strerror})") from None
    return [(number, line.strip("\r")) for number, line in enumerate(lines, 1) if line.strip()]


def sound_path(given: str, roots: Sequence[Path]) -> Path | None:
    """The file that a list names, absolute or relative to one of the roots, with or without its suffix."""
    for root in roots:
        with suppress(OSError, RuntimeError, ValueError):  # far too long, a home of nobody, no name
            path = root / Path(given).expanduser()
            if path.is_file():
                return path.absolute()
            for suffix in SOUND:
                if (whole := path.with_name(path.name + suffix)).is_file():
                    return whole.absolute()
    return None


def need_sound(given: str, roots: Sequence[Path], where: str) -> Path:
    """The file that a list names.

    Args:
        where: file and line of the list, for the message.

    Raises:
        CorpusError: there is none.
    """
    path = sound_path(given, roots) if given else None
    if path is None:
        places = " or ".join(str(root.absolute()) for root in roots)
        raise CorpusError(
            f"{where}: no sound file {given!r} in {places}; --root FOLDER says where its paths begin"
        )
    return path
