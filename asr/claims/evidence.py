"""What there is to check: a record as it is written, the same with its types checked, and the folder beside it."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from asr.claims.findings import Finding, NotChecked
from asr.errors import RunError
from asr.runs.folder import RunFolder
from asr.runs.formats import upgraded
from asr.runs.record import CorpusUsed, ModelMade, Record, read_tree, record_path


@dataclass(frozen=True)
class Evidence:
    """Checks ask for what they need; what is not there is the reason why a check is not made."""

    path: Path  # as it was given
    tree: dict[str, Any]  # record.json as it is written
    folder: RunFolder | None  # None for a record by itself
    parsed: Record | None  # None when a key is missing, unknown or impossible
    complaints: tuple[Finding, ...]  # about the form of the record

    @property
    def format(self) -> int:
        return int(self.tree["format"])

    @property
    def complete(self) -> bool:
        return bool(self.tree.get("status") == "complete")

    def need_format(self, least: int) -> None:
        if self.format < least:
            raise NotChecked(f"a record of format {self.format} does not hold it")

    def need_complete(self) -> None:
        if not self.complete:
            raise NotChecked("the run is not complete")

    def need_record(self) -> Record:
        """The record of a complete run."""
        self.need_complete()
        if self.parsed is None:
            raise NotChecked("the record's keys are not those of a record")
        return self.parsed

    def need_corpus(self) -> CorpusUsed:
        corpus = self.need_record().corpus
        if corpus is None:
            raise NotChecked("the record names no corpus")
        return corpus

    def need_model(self) -> ModelMade:
        model = self.need_record().model
        if model is None:
            raise NotChecked("the record names no model")
        return model

    def need_folder(self) -> RunFolder:
        if self.folder is None:
            raise NotChecked("a record by itself; give the run folder")
        return self.folder

    def need_file(self, path: Path) -> Path:
        """A file of the run folder, which the check of files has looked at."""
        if not path.is_file():
            raise NotChecked(f"{path.relative_to(self.need_folder().path).as_posix()} is not there")
        return path


def read_evidence(path: Path) -> Evidence:
    """Of a run folder, or of a record file by itself, whatever lies beside it.

    Raises:
        RunError: that is no record of a format that is known.
    """
    file = record_path(path)
    try:
        read_tree(file)  # says what is wrong with a file that is no record
        tree, complaints = _parse(file.read_text(encoding="utf-8"))
    except RecursionError:
        raise RunError(f"{file}: not a record (its JSON is nested too deep)") from None
    parsed, errors = _check(tree)
    folder = RunFolder(path) if path.is_dir() else None
    return Evidence(path, tree, folder, parsed, (*complaints, *errors))


def _parse(text: str) -> tuple[dict[str, Any], list[Finding]]:
    """Also finds what Python's reader would pass over: a key given twice, numbers that JSON does not have."""
    complaints: list[Finding] = []

    def once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, value in pairs:
            if key in tree:
                message = "this key is there twice in one object, so programs may read different values"
                complaints.append(Finding("duplicate", key, "2", "1", message))
            tree[key] = value
        return tree

    def refuse(text: str) -> None:
        complaints.append(Finding("invalid", text, text, "", f"{text} is no number that JSON can hold"))

    def finite(text: str) -> float | None:
        number = float(text)
        if math.isfinite(number):
            return number
        refuse(text)
        return None

    return json.loads(text, object_pairs_hook=once, parse_constant=refuse, parse_float=finite), complaints


def _check(tree: dict[str, Any]) -> tuple[Record | None, list[Finding]]:
    try:
        return Record.model_validate_json(json.dumps(upgraded(tree))), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
    return None, [
        Finding("invalid", what, json.dumps(item["input"], default=str)[:200], "", item["msg"])
        for item in errors
        # The check of keys names these better; of a list, it does not know how long it must be.
        if item["type"] != "extra_forbidden"
        and not (item["type"] == "missing" and isinstance(item["loc"][-1], str))
        for what in [".".join(map(str, item["loc"])) or "record.json"]
    ]
