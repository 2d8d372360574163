"""Which column of a table holds what, where nobody has said it: by the names that others give them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.corpora.exchange.form import ALL, Options, need_sound, one_line, split_of
from asr.errors import CorpusError
from asr.manifest import Utterance

# Lower case, without blanks and dashes. What is not sure to be meant is not in here.
NAMES: Mapping[str, Sequence[str]] = {
    "audio": (
        *("audio", "audio_filepath", "audio_file", "audio_path", "path", "file", "file_path", "filepath"),
        *("filename", "file_name", "wav", "wav_path", "wav_file", "wav_filename"),
        *("sound", "clip", "recording"),
    ),
    "text": (
        *("text", "sentence", "transcript", "transcription", "transcripts", "words", "normalized_text"),
        *("normalised_text", "reference", "ref", "label"),
    ),
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "client_id", "speaker_name"),
    "id": ("id", "utterance_id", "utt_id", "utt", "utterance", "segment_id", "uid"),
    "split": ("split", "subset", "partition", "set"),
    "language": ("lang", "language", "locale"),
    "offset": ("offset", "start", "start_time", "begin"),
    "duration": ("duration", "seconds", "duration_seconds"),
    "end": ("end", "end_time", "stop"),
}
NEEDED = ("audio", "text")


def columns_of(header: Iterable[str], options: Options, where: str) -> dict[str, str]:
    """The column of each kind that there is.

    Args:
        where: the file, for messages.

    Raises:
        CorpusError: a column that was named is not there, none or several could hold the sound or the text.
    """
    known = {name: name.strip().lower().replace(" ", "_").replace("-", "_") for name in header if name}
    found: dict[str, str] = {}
    for kind, names in NAMES.items():
        given = str(getattr(options, kind, "")) if kind != "language" else ""
        fitting = [name for name, plain in known.items() if plain in names]
        have = f"its columns are {', '.join(known)}"
        if given and given not in known:
            raise CorpusError(f"{where}: no column {given!r}; {have}")
        if not given and len(fitting) > 1 and kind in NEEDED:
            raise CorpusError(
                f"{where}: each of the columns {' and '.join(fitting)} could hold the {kind}; say which one with "
                f"--{kind} COLUMN"
            )
        if not given and not fitting and kind in NEEDED:
            raise CorpusError(
                f"{where}: no column that is known to hold the {kind}; say which one with --{kind} COLUMN; {have}"
            )
        if given or fitting:
            found[kind] = given or min(fitting, key=lambda name: names.index(known[name]))
    return found


def utterance_of(
    row: Mapping[str, Any], columns: Mapping[str, str], where: str, roots: Sequence[Path], options: Options
) -> tuple[str, Utterance]:
    """The split and the utterance of a row, whose sound is a file.

    Args:
        where: file and line, for messages.

    Raises:
        CorpusError: no file, or a number that is none.
    """
    given = str(row[columns["audio"]] or "").strip()
    path = need_sound(given, roots, where)
    offset = _seconds(row, columns, "offset", where)
    duration = _seconds(row, columns, "duration", where)
    if (end := _seconds(row, columns, "end", where)) and not duration:
        duration = round(end - offset, 6)
        if duration <= 0:
            raise CorpusError(f"{where}: ends at {end:g} s, before it begins ({offset:g} s)")
    # A duration without a start says how long the file is, which is found out anyway.
    part = bool(offset) or "offset" in columns
    name = text_in(row, columns, "id") or Path(given).stem + (f"@{offset:g}" if offset else "")
    utterance = Utterance(
        id=name,
        audio_filepath=str(path),
        duration=duration if part else 0.0,
        text=one_line(text_in(row, columns, "text")),
        speaker=text_in(row, columns, "speaker") or (path.parent.name if options.speaker_folders else ""),
        offset=offset,
        lang=text_in(row, columns, "language") or options.language,
    )
    return split_in(row, columns, where), utterance


def text_in(row: Mapping[str, Any], columns: Mapping[str, str], kind: str) -> str:
    value = row.get(columns.get(kind, ""))
    return "" if value is None else str(value).strip()


def split_in(row: Mapping[str, Any], columns: Mapping[str, str], where: str) -> str:
    given = text_in(row, columns, "split")
    if not given:
        return ALL
    split = split_of(given)
    if split is None:
        raise CorpusError(f"{where}: {columns['split']} is {given!r}; expected train, dev or test")
    return split


def _seconds(row: Mapping[str, Any], columns: Mapping[str, str], kind: str, where: str) -> float:
    given = text_in(row, columns, kind)
    try:
        seconds = float(given or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise CorpusError(f"{where}: {columns[kind]} must be seconds, 0 or more, found {given!r:.40}")
    return seconds
