"""Datasets of Hugging Face, as they lie on a disk.

- saved by `dataset.save_to_disk(FOLDER)`: Arrow files, with dataset_dict.json where there are splits
- Parquet files, as most datasets are downloaded: FOLDER/data/train-00000-of-00002.parquet
- an "audiofolder": sound files beside a metadata.csv or metadata.jsonl with file_name and text

The first two need the extra `datasets` (pyarrow; the library datasets itself is not used). Sound that lies inside them
as bytes is written out as files, bit for bit; ids are the names of these.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from asr.corpora.exchange.audiofolder import LAYOUT, read_folder, write_folder
from asr.corpora.exchange.columns import columns_of, split_in, text_in, utterance_of
from asr.corpora.exchange.form import (
    ALL,
    Form,
    Imported,
    LeftOut,
    Options,
    one_line,
    put_together,
    split_of,
)
from asr.errors import CorpusError
from asr.files import whole_file
from asr.manifest import Utterance

MISSING = "this dataset is in Arrow or Parquet files, which need pyarrow: pip install 'attest-asr[datasets]'"
TOGETHER = 64  # rows, with their sound
_LONGEST = 60  # characters of a file's name, each of which may have four bytes
_STARTS = {
    b"RIFF": ".wav",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"ID3": ".mp3",
    b"\xff\xfb": ".mp3",
    b"NIST": ".sph",
}


def read(path: Path, options: Options) -> Imported:
    """Raises CorpusError naming the file, and saying which package is missing."""
    if path.is_file() and path.suffix == ".parquet":
        return _read_rows(_parquet_rows([path]), path.stem, path, options)
    if (path / "dataset_dict.json").is_file():
        names = _json(path / "dataset_dict.json")["splits"]
        if strange := [
            name
            for name in names
            if not isinstance(name, str) or name != Path(name).name or name in ("", "..")
        ]:
            raise CorpusError(
                f"{path / 'dataset_dict.json'}: a split is the name of a folder, not {strange[0]!r}"
            )
        return put_together((split_of(name) or ALL, _read_saved(path / name, options)) for name in names)
    if (path / "state.json").is_file():
        return _read_saved(path, options)
    if not path.is_dir():
        raise CorpusError(f"{path}: no such file or folder; expected {HUGGINGFACE.layout}")
    if files := sorted(path.rglob("*.parquet")):
        return _read_parquet(files, options)
    return read_folder(path, options)


def _read_saved(folder: Path, options: Options) -> Imported:
    files = [folder / item["filename"] for item in _json(folder / "state.json")["_data_files"]]
    return _read_rows(_arrow_rows(files), folder.name, folder, options)


def _read_parquet(files: Sequence[Path], options: Options) -> Imported:
    named: dict[str, list[Path]] = {}
    for path in files:
        split = split_of(path.name) or split_of(path.parent.name) or ALL
        named.setdefault(split, []).append(path)
    return put_together(
        (split, _read_rows(_parquet_rows(paths), split, paths[0].parent, options))
        for split, paths in named.items()
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: not a readable JSON file ({error})") from None


def _pyarrow() -> Any:
    try:
        for name in ("pyarrow.ipc", "pyarrow.parquet"):
            import_module(name)
        return import_module("pyarrow")
    except ImportError:
        raise CorpusError(MISSING) from None


Rows = Iterator[tuple[Any, dict[str, Any]]]  # schema and row


def _parquet_rows(files: Sequence[Path]) -> Rows:
    arrow = _pyarrow()
    for path in files:
        try:
            with arrow.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=TOGETHER):
                    for row in batch.to_pylist():
                        yield file.schema_arrow, row
        except (arrow.ArrowException, OSError) as error:
            raise CorpusError(f"{path}: not a readable Parquet file ({error})") from None


def _arrow_rows(files: Sequence[Path]) -> Rows:
    arrow = _pyarrow()
    for path in files:
        try:
            with arrow.memory_map(str(path)) as mapped, arrow.ipc.open_stream(mapped) as stream:
                for batch in stream:
                    for start in range(0, batch.num_rows, TOGETHER):
                        for row in batch.slice(start, TOGETHER).to_pylist():
                            yield stream.schema, row
        except (arrow.ArrowException, OSError) as error:
            raise CorpusError(f"{path}: not a readable Arrow file ({error})") from None


def _read_rows(rows: Rows, name: str, where: Path, options: Options) -> Imported:
    """Utterances of rows whose sound is bytes, or the path of a file."""
    splits: dict[str, list[Utterance]] = {}
    left_out = []
    columns: dict[str, str] = {}
    labels: dict[str, list[str]] = {}
    taken: set[str] = set()
    for number, (schema, row) in enumerate(rows):
        if not columns:
            columns, labels = _columns(schema, where, options)
        row |= {key: names[row[key]] for key, names in labels.items() if isinstance(row[key], int)}
        place = f"{where}: row {number} of {name}"
        sound = row[columns["audio"]]
        text = one_line(text_in(row, columns, "text"))
        given = _name_of(sound, row, columns) or f"{name}-{number:07d}"
        if not text:
            left_out.append(LeftOut(given, f"row {number} of {name} has no text"))
            continue
        if isinstance(sound, Mapping) and sound.get("bytes"):
            file = _file_name(given)
            file = file if file not in taken else f"{file}-row{number:07d}"
            taken.add(file)
            path = _write_sound(sound["bytes"], str(sound.get("path") or ""), file, name, place, options)
            row = {**row, columns["audio"]: str(path)}
        elif isinstance(sound, Mapping):
            row = {**row, columns["audio"]: sound.get("path")}
        plain = {
            kind: column for kind, column in columns.items() if kind not in ("offset", "duration", "end")
        }
        _, utterance = utterance_of(row, plain, place, [options.root or where], options)
        splits.setdefault(split_in(row, columns, place), []).append(utterance)
    if not splits:
        raise CorpusError(f"{where}: {name} has no row with a text")
    return Imported(splits, left_out)


def _columns(schema: Any, where: Path, options: Options) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The columns, and the names of the values of those that are numbered; Hugging Face writes both into the schema."""
    notes = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = notes.get("info", {}).get("features", {})
    sounds = [
        name for name, kind in features.items() if isinstance(kind, dict) and kind.get("_type") == "Audio"
    ]
    names = list(schema.names)
    if len(sounds) == 1 and not options.audio:
        columns = columns_of(names, replace(options, audio=sounds[0]), str(where))
    else:
        columns = columns_of(names, options, str(where))
    labels = {
        name: list(kind["names"])
        for name, kind in features.items()
        if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"
    }
    return columns, labels


def _name_of(sound: Any, row: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """The row's id, or the name of its file without suffix."""
    if given := text_in(row, columns, "id"):
        return given
    path = str(sound.get("path") or "") if isinstance(sound, Mapping) else str(sound or "")
    return Path(path).stem


def _file_name(name: str) -> str:
    """Without what leads elsewhere, or cannot stand in a file's name everywhere. Two names may come to one."""
    return re.sub(r"[^\w.@-]+", "_", name).lstrip(".")[:_LONGEST] or "sound"


def _write_sound(contents: bytes, given: str, name: str, split: str, where: str, options: Options) -> Path:
    """A file with these bytes, unless there is one already."""
    if options.sounds is None:
        raise CorpusError(f"{where}: its sound is inside the dataset; a folder is needed to write it to")
    suffix = Path(given).suffix.lower()
    suffix = suffix or next((each for start, each in _STARTS.items() if contents.startswith(start)), ".sound")
    path = options.sounds / split / (name + suffix)
    if not path.is_file() or path.stat().st_size != len(contents) or path.read_bytes() != contents:
        with whole_file(path) as part:
            part.write_bytes(contents)
    return path


HUGGINGFACE = Form(
    name="huggingface",
    title="datasets of Hugging Face: saved to disk, Parquet, or an audiofolder",
    layout=LAYOUT,
    read=read,
    write=write_folder,
)
