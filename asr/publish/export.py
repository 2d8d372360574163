"""The crate: a folder with everything of a run that can be published, and its descriptions."""

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from asr.corpora.cache import whole_folder
from asr.errors import RunError, StorageError
from asr.files import sha256_file, write_json, write_text
from asr.publish.croissant import DESCRIPTION, TABLE, describe_corpus, read_parts, utterance_table
from asr.publish.publication import Publication
from asr.publish.ro_crate import METADATA, CrateFile, describe_run
from asr.runs.folder import RECORD, RunFolder
from asr.runs.record import Record, read_record, read_tree
from asr.runs.seal import seal_of

WEIGHTS = "model/weights.safetensors"


@dataclass(frozen=True)
class Contents:
    """What a crate holds besides what is always in it."""

    weights: bool = True
    texts: bool = False  # in the table of utterances; hypotheses have those of dev and test anyway


def export(
    run: Path, out: Path, publication: Publication, contents: Contents | None = None
) -> tuple[CrateFile, ...]:
    """Makes a crate of a complete run. It appears whole or not at all; the same run gives the same bytes.

    Copies the record and the files that it names, never manifests or checkpoints: those hold paths of a machine, or
    are large and of use to nobody else.

    Returns:
        Its files but the metadata, in the order of their paths.

    Raises:
        RunError: the run is not complete, or not as its record says; `out` is in use.
        StorageError: `out` cannot be written.
    """
    wanted = contents or Contents()
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError(f"{out}: already there and not empty; a crate is a new folder, choose another --out")
    record = _read_complete(run)
    assert record.corpus is not None  # of a complete run
    parts = read_parts(RunFolder(run), record.corpus)
    table = utterance_table(parts, texts=wanted.texts)
    paths = [path for path in sorted(record.files) if wanted.weights or path != WEIGHTS]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(out) as folder:
            for path in paths:
                _copy(run, folder, path, record.files[path])
            shutil.copyfile(run / RECORD, folder / RECORD)
            write_text(folder / TABLE, table)
            write_json(folder / DESCRIPTION, describe_corpus(record, parts, table, texts=wanted.texts))
            files = tuple(_describe(folder, path) for path in sorted([RECORD, TABLE, DESCRIPTION, *paths]))
            write_json(folder / METADATA, describe_run(record, files, publication))
    except OSError as error:
        raise StorageError(f"{out}: cannot be written: {error.strerror or error}") from error
    return files


def _read_complete(run: Path) -> Record:
    """The record of a complete run, when it is as it was sealed."""
    if not run.is_dir():
        raise RunError(
            f"{run}: no run folder; a crate holds the files of a run, its record alone is not enough"
        )
    record = read_record(run)
    if record.status != "complete":
        raise RunError(
            f"{run}: {record.status}, and only a complete run is published; the command that began it goes on with it"
        )
    if record.corpus is None or record.model is None or "test" not in record.results or not record.sessions:
        raise RunError(
            f"{run / RECORD}: complete, but without corpus, model, result or session; not a record of ours"
        )
    altered = sorted(dict(record.seal.items() ^ seal_of(read_tree(run / RECORD)).items()))
    if altered and record.format > 1:  # older ones have no seal
        raise RunError(
            f"{run / RECORD}: altered since the run was over ({', '.join(altered[:5])}): restore it, or run the recipe "
            "again"
        )
    return record


def _copy(run: Path, folder: Path, path: str, expected: str) -> None:
    """Copies a file when it is the one of the record."""
    pure, source = PurePosixPath(path), run / path
    if pure.is_absolute() or ".." in pure.parts or path in ("", ".", RECORD, METADATA, TABLE, DESCRIPTION):
        raise RunError(f"{run / RECORD}: names the file {path!r}, which is no file of a run")
    if not source.is_file():
        raise RunError(f"{source}: missing; the record names it: restore it, or run the recipe again")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    found = sha256_file(target)
    if found != expected:
        raise RunError(
            f"{source}: altered: its SHA-256 is {found[:12]}…, the record says {expected[:12]}…; restore it, or run "
            "the recipe again"
        )


def _describe(folder: Path, path: str) -> CrateFile:
    return CrateFile(path, (folder / path).stat().st_size, sha256_file(folder / path))
