"""What the record of a run says about a model: whether it is this very one, and how many errors it made."""

from pathlib import Path

from asr.errors import BundleError
from asr.model.contents import WEIGHTS
from asr.model.description import Description
from asr.runs.record import Record, Result, read_record, read_tree
from asr.runs.seal import seal_of


def checked_record(path: Path, description: Description) -> Record | None:
    """The record of the run that made a model; None where that run is not over.

    Raises:
        RunError: it cannot be read.
        BundleError: it was altered, or is of another model.
    """
    record = read_record(path)
    if record.status != "complete":
        return None
    if record.format > 1 and record.seal != seal_of(read_tree(path)):  # older ones have no seal
        raise BundleError(f"{path}: altered since the run was over; `asr verify` says where")
    if not _is_of(record, description):
        raise BundleError(
            f"{path}: the record of another model: it names the weights {_weights(record)[:12]}…, here they are "
            f"{description.weights[:12]}…; `asr verify` tells more of a run"
        )
    return record


def test_result(record: Record, description: Description) -> Result | None:
    """What the record says about the test part, as this model reads it by itself; None: it does not say."""
    if not _is_of(record, description):
        return None
    if not description.decoder:
        return record.results.get("test")
    same = record.files.get("model/decoder.json") == description.decoder
    return record.search.results.get("test") if record.search is not None and same else None


def _is_of(record: Record, description: Description) -> bool:
    return _weights(record) == description.weights


def _weights(record: Record) -> str:
    return record.files.get(f"model/{WEIGHTS}", "")
