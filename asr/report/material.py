"""What a report is made of: records, and whatever of their runs is still there."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr.claims.findings import Report
from asr.claims.given import Given, read_given
from asr.claims.verify import verify
from asr.errors import AsrError
from asr.evaluation.hypotheses import Hypothesis
from asr.manifest import Utterance, read_manifest
from asr.model.description import read_bundle_description
from asr.runs.folder import RunFolder
from asr.runs.record import Outcome, Record, Result
from asr.tokenizer import Tokenizer, tokenizer_from_json

PARTS = ("train", "dev", "test")
# An absolute path up to its last separator; rather too much is taken than too little.
_PLACE = re.compile(r"(?<![\w.:/\\…])(?:[A-Za-z]:[/\\]|/(?=[^\s/]))[^\n'\",;:<>]*[/\\]")


@dataclass(frozen=True)
class Run:
    """One run, as the report shows it."""

    label: (
        str  # recipe and seed, and the beginning of the weights' digest where that does not tell runs apart
    )
    tone: str  # class of its colour
    given: Given
    verification: Report
    part: str  # whose errors are shown: dev or test
    heard: Mapping[str, Hypothesis]  # of that part, by id; empty where the file is not there
    utterances: Mapping[str, Sequence[Utterance]]  # of each part; empty where manifests are not there
    tokenizer: Tokenizer | None  # None where the bundle is not there
    missing: list[str] = field(default_factory=list)  # in words: what is less than it could be, and why

    @property
    def record(self) -> Record:
        return self.given.record

    @property
    def searched(self) -> bool:
        """Whether what is shown of the errors was found by a search; else it was greedy decoding."""
        return self.record.search is not None and self.part in self.record.search.results

    @property
    def how(self) -> str:
        return "beam search" if self.searched else "greedy decoding"

    def decoded(self, part: str) -> list[tuple[str, Result]]:
        """Each way in which a part was decoded and its result; of a run that is not over none."""
        ways = [
            ("greedy", self.record.results),
            ("beam search", self.record.search.results if self.record.search else {}),
        ]
        return [(how, results[part]) for how, results in ways if part in results]

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """Of the part that is shown, by utterance; empty in records of format 1."""
        if self.searched and self.record.search is not None:
            return self.record.search.outcomes.get(self.part, {})
        return self.record.outcomes.get(self.part, {})


def read_runs(paths: Sequence[Path], part: str) -> list[Run]:
    """Each run or record with what lies beside it.

    Raises:
        RunError: no run there, or a record that contradicts itself.
    """
    given = [read_given(path) for path in paths]
    labels = _labels([each.record for each in given])
    return [
        _read(each, label, number, part)
        for number, (each, label) in enumerate(zip(given, labels, strict=True))
    ]


def without_places(message: str) -> str:
    """A message without the folders of this machine: a page is meant for others."""
    return _PLACE.sub("…/", message)


def _labels(records: Sequence[Record]) -> list[str]:
    names = [f"{record.recipe.name}, seed {record.recipe.seed}" for record in records]
    full = [
        f"{name} ({record.model.weights_digest[:6]})" if names.count(name) > 1 and record.model else name
        for name, record in zip(names, records, strict=True)
    ]
    # One run that is given twice, or several that are not over.
    return [f"{name}, no. {place + 1}" if full.count(name) > 1 else name for place, name in enumerate(full)]


def _read(given: Given, label: str, number: int, part: str) -> Run:
    folder, record, missing = given.folder, given.record, list[str]()
    heard: dict[str, Hypothesis] = {}
    utterances: dict[str, Sequence[Utterance]] = {}
    tokenizer = None
    if folder is None:
        missing.append("a record by itself: no texts, no lengths of utterances, no audio")
    else:
        search = record.search is not None and part in record.search.results
        heard = _hypotheses(folder.hypotheses(part, search=search), missing)
        utterances = _manifests(folder, missing)
        tokenizer = _tokenizer(folder, missing)
    return Run(
        label, f"t{number % 6}", given, verify(given.path), part, heard, utterances, tokenizer, missing
    )  # fmt: skip


def _hypotheses(path: Path, missing: list[str]) -> dict[str, Hypothesis]:
    name = f"hypotheses/{path.name}"
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        keys = ("id", "speaker", "reference", "hypothesis")
        return {line["id"]: Hypothesis(*(str(line[key]) for key in keys)) for line in lines}
    except FileNotFoundError:
        missing.append(f"no {name}: no texts of errors")
    except (OSError, ValueError, KeyError, TypeError):
        missing.append(f"{name} cannot be read: no texts of errors")
    return {}


def _manifests(folder: RunFolder, missing: list[str]) -> dict[str, Sequence[Utterance]]:
    try:
        return {part: read_manifest(folder.manifest(part)) for part in PARTS}
    except (AsrError, OSError):
        missing.append("no manifests: no lengths, texts and audio of utterances")
    return {}


def _tokenizer(folder: RunFolder, missing: list[str]) -> Tokenizer | None:
    try:
        return tokenizer_from_json(read_bundle_description(folder.bundle).tokenizer)
    except AsrError:
        missing.append("no model: no tokens, no posteriors")
    return None
