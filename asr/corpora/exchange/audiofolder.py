"""An "audiofolder" of Hugging Face: sound files beside a metadata.csv or metadata.jsonl with file_name and text.

Splits are folders: train, validation, test.
"""

import csv
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.corpora.exchange.columns import columns_of, utterance_of
from asr.corpora.exchange.form import Imported, LeftOut, Options, lines_of, put_together, split_folders
from asr.corpora.exchange.table import read_table
from asr.errors import CorpusError
from asr.files import whole_file
from asr.manifest import Utterance

LISTS = ("metadata.csv", "metadata.jsonl")
SPLIT_NAMES = {"dev": "validation"}  # as Hugging Face calls them; the others are called like ours
LAYOUT = "dataset_dict.json or state.json (save_to_disk), *.parquet, or metadata.csv beside sound files (audiofolder)"
_KEPT = (".wav", ".flac", ".mp3", ".ogg", ".opus")  # formats that its readers know, too


def read_folder(path: Path, options: Options) -> Imported:
    def holds(folder: Path) -> bool:
        return any((folder / name).is_file() for name in LISTS)

    for folder in (path, path / "data"):
        if holds(folder):
            return _read_list(folder, options)
        splits = split_folders(folder, holds) if folder.is_dir() else {}
        if splits:
            return put_together(
                (split, _read_list(each, options)) for split, all_ in splits.items() for each in all_
            )
    raise CorpusError(f"{path}: no dataset in it; expected {LAYOUT}")


def _read_list(folder: Path, options: Options) -> Imported:
    if (folder / LISTS[0]).is_file():
        return read_table(folder / LISTS[0], options)
    path = folder / LISTS[1]
    splits: dict[str, list[Utterance]] = {}
    left_out = []
    for number, line in lines_of(path):
        where = f"{path}:{number}"
        try:
            row = dict(json.loads(line))
        except (ValueError, TypeError) as error:
            raise CorpusError(f"{where}: not a JSON object ({error})") from None
        columns = columns_of(row, options, where)
        split, utterance = utterance_of(row, columns, where, [options.root or folder], options)
        if utterance.text:
            splits.setdefault(split, []).append(utterance)
        else:
            left_out.append(LeftOut(utterance.id, f"line {number} of {path.name} has no text"))
    return Imported(splits, left_out)


def write_folder(folder: Path, splits: Mapping[str, Sequence[Utterance]]) -> list[str]:
    """An audiofolder: `load_dataset("audiofolder", data_dir=FOLDER)` reads it. Sound is copied into it; a part of a
    file becomes a WAV of 16 bits."""
    for split, utterances in splits.items():
        target = folder / SPLIT_NAMES.get(split, split)
        names: dict[str, Utterance] = {}
        for utterance in utterances:
            name = re.sub(r"[^\w.@-]+", "_", utterance.id).lstrip(".")
            if name in names:
                raise CorpusError(
                    f"{utterance.id!r} and {names[name].id!r} would be one file, {name}; give one another id"
                )
            names[name] = utterance
        with whole_file(target / LISTS[0]) as part, part.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(("file_name", "text", "id", "speaker", "lang"))
            for name, u in names.items():
                rows.writerow((_copy(u, target, name).name, u.text, u.id, u.speaker, u.lang))
    return []


def _copy(utterance: Utterance, folder: Path, name: str) -> Path:
    from asr.audio import read_pcm16, shape_of

    given = Path(utterance.audio_filepath)
    seconds = shape_of(given).seconds
    whole = not utterance.offset and seconds is not None and abs(seconds - utterance.duration) < 0.01
    if whole and given.suffix.lower() in _KEPT:
        path = folder / (name + given.suffix.lower())
        with whole_file(path) as part:
            shutil.copyfile(given, part)
        return path
    import soundfile

    path = folder / f"{name}.wav"
    samples, rate = read_pcm16(given, offset=utterance.offset, duration=utterance.duration or None)
    with whole_file(path) as part, part.open("wb") as out:
        soundfile.write(out, samples, rate, subtype="PCM_16", format="WAV")
    return path
