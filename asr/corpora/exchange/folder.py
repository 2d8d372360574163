"""A folder of sound files, with what is said in each beside it.

    anna/001.wav   anna/001.txt             a text a file
    bert/001.flac  bert/transcripts.txt     or one for all files of a folder, a line each: 001 two to the left

A line of transcripts.txt (also transcript.txt, transcripts.tsv, text, and LibriSpeech's SPEAKER-CHAPTER.trans.txt) is
the file's name, with or without its suffix, then a tab, a | or a space, then the text. Folders at the top that are
called train, dev and test are splits. An utterance's id is its path without suffix, from the folder given on.
"""

from pathlib import Path

from asr.corpora.exchange.form import (
    ALL,
    SOUND,
    Form,
    Imported,
    LeftOut,
    Options,
    lines_of,
    one_line,
    put_together,
    split_folders,
)
from asr.errors import CorpusError
from asr.manifest import Utterance

LISTS = ("transcripts.txt", "transcript.txt", "transcripts.tsv", "transcript.tsv", "text", "*.trans.txt")


def read(folder: Path, options: Options) -> Imported:
    """Every sound file that has a text; those without one are left out.

    Raises:
        CorpusError: no sound, no text at all, a line without text, or an id that is there twice.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder; expected {FOLDER.layout}")
    splits = split_folders(folder, _has_sound)
    if "train" in splits or "test" in splits:
        parts = [(split, _read(path, folder, options)) for split, paths in splits.items() for path in paths]
        return put_together(parts)
    return _read(folder, folder, options)


def _has_sound(folder: Path) -> bool:
    return any(path.suffix.lower() in SOUND for path in folder.rglob("*"))


def _read(folder: Path, top: Path, options: Options) -> Imported:
    paths = [
        path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SOUND and path.name[0] != "."
    ]
    if not paths:
        raise CorpusError(f"{folder}: no sound files in it; expected {FOLDER.layout}")
    texts: dict[Path, dict[str, str]] = {}
    utterances: dict[str, Utterance] = {}
    left_out = []
    for path in paths:
        name = path.relative_to(top).with_suffix("").as_posix()
        if path.parent not in texts:
            texts[path.parent] = _listed(path.parent)
        text = _text(path, texts[path.parent])
        if not text:
            missing = f"no {path.stem}.txt beside it, and no line in a {LISTS[0]}"
            left_out.append(LeftOut(name, missing if text is None else f"no text in {path.stem}.txt"))
        elif name in utterances:
            other = Path(utterances[name].audio_filepath).name
            raise CorpusError(f"{path}: beside it is {other}, with the same name; remove one of them")
        else:
            speaker = path.parent.name if options.speaker_folders else ""
            utterances[name] = Utterance(
                name, str(path.absolute()), 0.0, text, speaker=speaker, lang=options.language
            )
    if not utterances:
        raise CorpusError(
            f"{folder}: {len(paths)} sound files and no text for any of them; expected {FOLDER.layout}"
        )
    return Imported({ALL: list(utterances.values())}, left_out)


def _text(path: Path, listed: dict[str, str]) -> str | None:
    beside = path.with_suffix(".txt")
    if beside.is_file() and beside.name not in LISTS:
        return one_line("\n".join(line for _, line in lines_of(beside)))
    return listed.get(path.name, listed.get(path.stem))


def _listed(folder: Path) -> dict[str, str]:
    """The lines of the folder's lists, by what they name."""
    found: dict[str, str] = {}
    for path in (path for name in LISTS for path in sorted(folder.glob(name)) if path.is_file()):
        for number, line in lines_of(path):
            name, text = _parted(line)
            if not text:
                raise CorpusError(f"{path}:{number}: expected a file's name and its text, found {line!r:.60}")
            if name in found:
                raise CorpusError(f"{path}:{number}: second text of {name}; remove one")
            found[name] = text
    return found


def _parted(line: str) -> tuple[str, str]:
    for separator in ("\t", "|"):
        if separator in line:
            name, _, text = line.partition(separator)
            return name.strip(), one_line(text)
    name, _, text = line.strip().partition(" ")
    return name, one_line(text)


FOLDER = Form(
    name="folder",
    title="sound files, each with a .txt beside it, or a transcripts.txt in each folder",
    layout="NAME.wav (or .flac, .mp3, ...) and NAME.txt, or transcripts.txt with lines `NAME text`",
    read=read,
)
