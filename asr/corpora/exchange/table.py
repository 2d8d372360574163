"""A table of recordings: CSV or TSV with a line of column names, one recording a line.

    path,text,speaker
    wav/anna-001.wav,switch on the light,anna

Columns are known by their names (asr.corpora.exchange.columns), or named by options. Paths begin where the table is, or
at --root. A column `split`, or a table for each split (train.csv, test.csv in a folder), parts the recordings. With
`start` and `end` (or `offset` and `duration`), in seconds, an utterance is a part of its file.

CSV may be parted by commas or semicolons, with quotes as spreadsheets write them. In TSV quotes are letters like
others, as in Common Voice.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from asr.corpora.exchange.columns import columns_of, utterance_of
from asr.corpora.exchange.form import Form, Imported, LeftOut, Options, put_together, split_of
from asr.errors import CorpusError
from asr.files import whole_file
from asr.manifest import Utterance

SUFFIXES = (".csv", ".tsv")
COLUMNS = ("id", "path", "offset", "duration", "text", "speaker", "lang")


def read(path: Path, options: Options) -> Imported:
    """A table, or every table of a folder that is called after a split.

    Raises:
        CorpusError: names file and line.
    """
    if not path.is_dir():
        return read_table(path, options)
    tables = [item for item in sorted(path.iterdir()) if item.suffix.lower() in SUFFIXES]
    named = [(split, table) for table in tables if (split := split_of(table.stem))]
    if not named and len(tables) == 1:
        return read_table(tables[0], options)
    if not named:
        there = ", ".join(table.name for table in tables) or "none"
        raise CorpusError(
            f"{path}: expected tables called train.csv and test.csv (or .tsv), found {there}; or name one table"
        )
    return put_together((split, read_table(table, options)) for split, table in named)


def read_table(path: Path, options: Options) -> Imported:
    """A single table."""
    splits: dict[str, list[Utterance]] = {}
    left_out = []
    columns: dict[str, str] = {}
    for number, row in rows_of(path):
        columns = columns or columns_of(row, options, str(path))
        where = f"{path}:{number}"
        split, utterance = utterance_of(row, columns, where, [options.root or path.parent], options)
        if utterance.text:
            splits.setdefault(split, []).append(utterance)
        else:
            left_out.append(LeftOut(utterance.id, f"line {number} of {path.name} has no text"))
    if not splits:
        raise CorpusError(f"{path}: no recording in it; expected {TABLE.layout}")
    return Imported(splits, left_out)


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line after the first, by column, with its number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            if path.suffix.lower() == ".tsv" or ("\t" in first and path.suffix.lower() != ".csv"):
                reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            else:
                reader = csv.DictReader(stream, delimiter=_delimiter(first), strict=True)
            for row in reader:
                if None in row:
                    raise CorpusError(
                        f"{path}:{reader.line_num}: more values than the {len(row) - 1} columns; a value that has the "
                        "separator in it must stand in quotes"
                    )
                yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not a text file in UTF-8 ({error}); save the table as UTF-8") from None
    except csv.Error as error:
        raise CorpusError(f"{path}: not a table that can be read ({error})") from None
    except OSError as error:
        raise CorpusError(
            f"{path}: not a readable file ({error.strerror}); expected {TABLE.layout}"
        ) from None


def _delimiter(header: str) -> str:
    """The one that parts the names of the columns into most."""
    return max((",", ";", "|", "\t"), key=header.count)


def write(folder: Path, splits: Mapping[str, Sequence[Utterance]]) -> list[str]:
    """SPLIT.csv with absolute paths."""
    for split, utterances in splits.items():
        with whole_file(folder / f"{split}.csv") as part, part.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(COLUMNS)
            for u in utterances:
                rows.writerow(
                    (u.id, u.audio_filepath, repr(u.offset), repr(u.duration), u.text, u.speaker, u.lang)
                )
    return []


TABLE = Form(
    name="table",
    title="CSV or TSV: a line of column names, then one recording a line",
    layout="a table with a column for the file (path, audio, file, ...) and one for the text (text, sentence, ...)",
    read=read,
    write=write,
)
