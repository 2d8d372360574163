"""A data directory of Kaldi: wav.scp and text, and where there are some segments and utt2spk.

    wav.scp     RECORDING PATH
    segments    UTTERANCE RECORDING START END       without it every recording is an utterance
    text        UTTERANCE words ...
    utt2spk     UTTERANCE SPEAKER                   a speaker called like the utterance is an unknown one

Or a folder with such directories, called after their splits. What stands in wav.scp as a command (`sph2pipe ... |`) is
never run. SPHERE, FLAC and MP3, for which most such commands are there, are read as they are: put the file's name in
place of the command.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.corpora.exchange.form import (
    ALL,
    Form,
    Imported,
    LeftOut,
    Options,
    lines_of,
    need_sound,
    one_line,
    put_together,
    split_folders,
)
from asr.errors import CorpusError
from asr.files import write_text
from asr.manifest import Utterance

_COMMAND = (
    "a command, which is never run here; write the sound file's name there (SPHERE, FLAC, MP3 are read)"
)


def read(folder: Path, options: Options) -> Imported:
    """Raises CorpusError naming file and line."""
    if (folder / "wav.scp").is_file():
        return _read(folder, options)
    splits = split_folders(folder, lambda path: (path / "wav.scp").is_file()) if folder.is_dir() else {}
    if not splits:
        raise CorpusError(
            f"{folder}: no wav.scp in it, nor in folders called train or test; expected {KALDI.layout}"
        )
    return put_together((split, _read(path, options)) for split, paths in splits.items() for path in paths)


def _read(folder: Path, options: Options) -> Imported:
    texts = {name: one_line(rest) for name, rest in _pairs(folder / "text").items()}
    speakers = _pairs(folder / "utt2spk") if (folder / "utt2spk").is_file() else {}
    utterances, left_out = [], []
    for name, path, offset, duration in _stretches(folder, options):
        if not texts.get(name):
            left_out.append(LeftOut(name, "no words in text"))
            continue
        speaker = speakers.get(name, "")
        utterances.append(
            Utterance(
                id=name,
                audio_filepath=str(path),
                duration=duration,
                text=texts[name],
                speaker="" if speaker == name else speaker,
                offset=offset,
                lang=options.language,
            )
        )
    if not utterances:
        raise CorpusError(f"{folder}: no utterance has words in text; expected {KALDI.layout}")
    known = {utterance.id for utterance in utterances}
    lost = [name for name, text in texts.items() if text and name not in known]
    left_out += [LeftOut(name, "in text, but there is no sound") for name in lost]
    return Imported({ALL: utterances}, left_out)


def _stretches(folder: Path, options: Options) -> list[tuple[str, Path, float, float]]:
    """Name, file, offset and duration of each utterance; duration 0 is to the end."""
    roots = [options.root] if options.root else [folder, Path()]
    recordings: dict[str, Path] = {}
    for name, (number, given) in _numbered(folder / "wav.scp").items():
        where = f"{folder / 'wav.scp'}:{number}"
        if given.endswith("|") or given.startswith("|"):
            raise CorpusError(f"{where}: {given!r:.80} is {_COMMAND}")
        recordings[name] = need_sound(given, roots, where)
    if not (folder / "segments").is_file():
        return [(name, path, 0.0, 0.0) for name, path in recordings.items()]
    found = []
    for name, (number, rest) in _numbered(folder / "segments").items():
        where = f"{folder / 'segments'}:{number}"
        fields = rest.split()
        try:
            recording, start, end = fields[0], float(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            raise CorpusError(
                f"{where}: expected `UTTERANCE RECORDING START END`, found {name} {rest!r:.60}"
            ) from None
        if recording not in recordings:
            raise CorpusError(f"{where}: the recording {recording} is not in wav.scp")
        to_end = end < 0  # Kaldi's -1
        if not (0 <= start < math.inf and (to_end or start < end < math.inf)):
            raise CorpusError(f"{where}: from {start:g} to {end:g} s is no stretch of sound")
        found.append((name, recordings[recording], start, 0.0 if to_end else round(end - start, 6)))
    return found


def _pairs(path: Path) -> dict[str, str]:
    return {name: rest for name, (_, rest) in _numbered(path).items()}


def _numbered(path: Path) -> dict[str, tuple[int, str]]:
    """Line number and rest of each line, by its first word."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in lines_of(path):
        name, *rest = line.split(maxsplit=1)
        if name in found:
            raise CorpusError(f"{path}:{number}: second line of {name}; the first is {found[name][0]}")
        found[name] = (number, rest[0].strip() if rest else "")
    return found


def write(folder: Path, splits: Mapping[str, Sequence[Utterance]]) -> list[str]:
    """A data directory for each split, sorted as Kaldi wants it.

    Kaldi needs utterances that sort like their speakers; where they do not, ids get the speaker in front.
    """
    told = []
    for split, utterances in splits.items():
        if bad := [u.id for u in utterances if len(u.id.split()) != 1 or len(u.speaker.split()) > 1]:
            raise CorpusError(f"{bad[0]!r}: ids and speakers of Kaldi have no blanks; give it another id")
        names = {u.id: u.id for u in utterances}
        pairs = sorted((u.id.encode(), (u.speaker or u.id).encode()) for u in utterances)
        if [speaker for _, speaker in pairs] != sorted(speaker for _, speaker in pairs):
            names = {u.id: f"{u.speaker}-{u.id}" if u.speaker else u.id for u in utterances}
            told.append(f"{split}: ids begin with their speakers, as Kaldi sorts both alike")
        _write_split(folder / split, utterances, names)
        others = sum(Path(u.audio_filepath).suffix.lower() != ".wav" for u in utterances)
        if others:
            told.append(
                f"{split}: {others} utterances are in files that are no WAV, which Kaldi reads by commands only"
            )
    return told


def _write_split(folder: Path, utterances: Sequence[Utterance], names: Mapping[str, str]) -> None:
    lists: dict[str, dict[str, str]] = {
        name: {} for name in ("text", "utt2spk", "segments", "utt2dur", "wav.scp")
    }
    recordings = _recording_names(utterances, names)
    speakers: dict[str, list[str]] = {}
    for u in utterances:
        name, recording = names[u.id], recordings[u.audio_filepath]
        lists["wav.scp"][recording] = u.audio_filepath
        lists["segments"][name] = f"{recording} {u.offset!r} {round(u.offset + u.duration, 6)!r}"
        lists["text"][name] = u.text
        lists["utt2spk"][name] = u.speaker or name
        lists["utt2dur"][name] = repr(u.duration)
        speakers.setdefault(u.speaker or name, []).append(name)
    if _are_whole_files(utterances):
        del lists["segments"]
    lists["spk2utt"] = {speaker: " ".join(sorted(each, key=str.encode)) for speaker, each in speakers.items()}
    for kind, rows in lists.items():
        ordered = sorted(rows.items(), key=lambda item: item[0].encode())  # as LC_ALL=C sorts
        write_text(folder / kind, "".join(f"{name} {rest}\n" for name, rest in ordered))


def _are_whole_files(utterances: Sequence[Utterance]) -> bool:
    from asr.audio import shape_of

    if any(u.offset for u in utterances) or len({u.audio_filepath for u in utterances}) < len(utterances):
        return False
    for u in utterances:
        seconds = shape_of(u.audio_filepath).seconds
        if seconds is None or abs(seconds - u.duration) > 0.01:
            return False
    return True


def _recording_names(utterances: Sequence[Utterance], names: Mapping[str, str]) -> dict[str, str]:
    """A recording that is one utterance is called like it, any other after its file."""
    counts = Counter(u.audio_filepath for u in utterances)
    found: dict[str, str] = {}
    taken = set(names.values())
    for u in utterances:
        path = u.audio_filepath
        if path in found:
            continue
        name = stem = "_".join(Path(path).stem.split()) if counts[path] > 1 or u.offset else names[u.id]
        number = 1
        while name in taken and name != names[u.id]:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        found[path] = name
    return found


KALDI = Form(
    name="kaldi",
    title="data directories of Kaldi: wav.scp, text, segments, utt2spk",
    layout="wav.scp and text, and where there are some segments and utt2spk",
    read=read,
    write=write,
)
