"""Do the scores and outcomes of a record follow from its hypotheses, and those from the manifests."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from asr.claims.checks.files import read_lines
from asr.claims.checks.scored import Scored, all_scored
from asr.claims.evidence import Evidence
from asr.claims.findings import Code, Finding, NotChecked, contradiction, differences
from asr.evaluation.hypotheses import Hypothesis, score_hypotheses
from asr.runs.outcomes import outcomes_of
from asr.runs.record import Record
from asr.scoring import bootstrap_interval, count_errors

_TEXTS = ("id", "speaker", "reference", "hypothesis")
_DIVIDED = ("hits", "substitutions", "deletions", "insertions")
# These decide which of several alignments with as few errors is counted, and what the bootstrap draws.
_ALIGNERS, _DRAWER = ("jiwer", "rapidfuzz"), ("numpy",)


@dataclass(frozen=True)
class HypothesisFile:
    """Of one part: what was said and heard in each utterance, and what is wrong with the file."""

    name: str
    hypotheses: tuple[Hypothesis, ...]
    findings: tuple[Finding, ...]


def check_hypotheses(evidence: Evidence) -> Iterator[Finding]:
    """Counted again, the hypotheses give the errors beside them, the results and the outcomes of the record."""
    record = evidence.need_record()
    for scored in all_scored(record):
        for part in ("dev", "test"):
            file = read_hypotheses(evidence, scored.file(part))
            yield from file.findings
            if part in scored.results and not file.findings:
                yield from _same_results(record, scored, part, file)
                yield from _same_outcomes(record, scored, part, file)


def check_interval(evidence: Evidence) -> Iterator[Finding]:
    """Drawn again from the outcomes, the bootstrap gives the interval of the record."""
    evidence.need_format(2)
    record = evidence.need_record()
    for scored in all_scored(record):
        for part in sorted(scored.results.keys() & scored.outcomes.keys()):
            yield from _same_interval(record, scored, part)


def read_hypotheses(evidence: Evidence, name: str) -> HypothesisFile:
    """Reads a file of hypotheses of the run folder and counts the errors of each line again."""
    path = evidence.need_file(evidence.need_folder().path / name)
    hypotheses: dict[str, Hypothesis] = {}
    findings = []
    for number, tree in read_lines(path, name):
        line = _parse(evidence.need_record(), tree, name, number)
        if isinstance(line, Finding):
            findings.append(line)
        elif line.id in hypotheses:
            findings.append(Finding("duplicate", name, "2", "1", f"line {number} has {line.id} once more"))
        else:
            hypotheses[line.id] = line
    return HypothesisFile(name, tuple(hypotheses.values()), tuple(findings))


def other_versions(record: Record, packages: tuple[str, ...]) -> str:
    """In words, which of these packages is another one here than in the run; "" when none."""
    from importlib.metadata import version

    theirs = record.environment.packages
    others = [
        f"{name} {version(name)} here, {theirs[name]} there"
        for name in packages
        if name in theirs and theirs[name] != version(name)
    ]
    return f" ({', '.join(others)})" if others else ""


def _parse(record: Record, tree: dict[str, Any] | Finding, name: str, number: int) -> Hypothesis | Finding:
    if isinstance(tree, Finding):
        return tree
    if set(tree) != {*_TEXTS, "errors"} or not all(isinstance(tree[key], str) for key in _TEXTS):
        message = (
            f"line {number} has the keys {', '.join(tree)}; expected {', '.join(_TEXTS)} (texts) and errors"
        )
        return Finding("invalid", name, "", "", message)
    item = Hypothesis(**{key: tree[key] for key in _TEXTS})
    expected = asdict(count_errors(item.reference, item.hypothesis, record.recipe.score.unit))
    if not any(True for _ in differences(tree["errors"], expected)):
        return item
    what, by = f"{name}: {item.id}.errors", f"counted again (line {number})"
    excuse = other_versions(record, _ALIGNERS) if _totals(tree["errors"]) == _totals(expected) else ""
    return contradiction(
        what, tree["errors"], expected, f"{by}{excuse}", remark="other-version" if excuse else None
    )


def _totals(errors: Any) -> tuple[int, int] | None:
    """Errors, and words of the reference: how an alignment divides them may depend on the aligner."""
    if not isinstance(errors, dict) or not all(type(errors.get(name)) is int for name in _DIVIDED):
        return None
    hits, substitutions, deletions, insertions = (errors[name] for name in _DIVIDED)
    return substitutions + deletions + insertions, hits + substitutions + deletions


def _same_interval(record: Record, scored: Scored, part: str) -> Iterator[Finding]:
    what = f"{scored.prefix}outcomes.{part}"
    outcomes = [outcome for _, outcome in sorted(scored.outcomes[part].items())]
    if sum(outcome.words for outcome in outcomes) < 1:
        raise NotChecked(f"{what} have no words")
    found, samples = scored.results[part].wer_interval_95, record.recipe.score.bootstrap
    expected = bootstrap_interval(
        [each.errors for each in outcomes], [each.words for each in outcomes], samples
    )
    if found != expected:
        other = other_versions(record, _DRAWER)
        remark: Code | None = "other-version" if other else None
        key = f"{scored.prefix}results.{part}.wer_interval_95"
        yield contradiction(
            key, list(found), list(expected), f"drawn again from {what}{other}", remark=remark
        )


def _same_results(record: Record, scored: Scored, part: str, file: HypothesisFile) -> Iterator[Finding]:
    found = scored.results[part].model_dump(mode="json")
    try:
        expected = score_hypotheses(
            file.hypotheses, record.recipe.score.bootstrap, record.recipe.score.unit
        ).to_json()
    except ValueError as error:  # no words at all
        yield Finding("invalid", file.name, "", "", str(error))
        return
    for key, ours, theirs in differences(found, expected, f"{scored.prefix}results.{part}"):
        # Rates are compared too, so totals are never excused.
        deciding = _ALIGNERS if key.rpartition(".")[2] in _DIVIDED else _DRAWER if "interval" in key else ()
        excuse = other_versions(record, deciding)
        by = f"counted again from {file.name}{excuse}"
        yield contradiction(key, ours, theirs, by, remark="other-version" if excuse else None)


def _same_outcomes(record: Record, scored: Scored, part: str, file: HypothesisFile) -> Iterator[Finding]:
    if record.format == 1 or part not in scored.outcomes:
        return
    found = {name: outcome.model_dump(mode="json") for name, outcome in scored.outcomes[part].items()}
    expected = {
        name: outcome.model_dump(mode="json")
        for name, outcome in outcomes_of(file.hypotheses, record.recipe.score.unit).items()
    }
    for key, ours, theirs in differences(found, expected, f"{scored.prefix}outcomes.{part}"):
        yield contradiction(key, ours, theirs, f"counted again from {file.name}")
