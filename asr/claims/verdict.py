"""Level L7 of the ladder: does the result of one record hold in another run? Exactly one verdict, with its reason."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from asr.claims.checks.scored import Scored, all_scored
from asr.claims.trails import FirstDifference, Way, first_difference, steps_in_common
from asr.evaluation.equivalence import Equivalence, equivalence, equivalence_from_intervals
from asr.evaluation.significance import Paired, PairedTest, matched_pairs
from asr.runs.record import Outcome, Record, Result

ALPHA = 0.05  # rate of a false "equivalent", and of a false "different", at most

Name = Literal[
    "bit-identical",  # the same digests all the way, the same weights, the same transcripts
    "same transcripts",  # of every test utterance, from other bits
    "equivalent",  # error rates that differ by less than the margin, shown by a test made for it
    "different",  # error rates that differ, shown by a paired test
    "inconclusive",  # neither could be shown
    "not comparable",  # the two are not about the same thing
]
# For scripts: 0 when the result holds. 1 and 2 are for errors and wrong command lines.
EXIT: dict[Name, int] = {
    "bit-identical": 0,
    "same transcripts": 0,
    "equivalent": 0,
    "different": 3,
    "inconclusive": 4,
    "not comparable": 5,
}


@dataclass(frozen=True)
class Scope:
    """Which steps of the training were run again; `last` 0 is to the end, with decoding and score."""

    first: int = 0  # the step whose state was the start; 0: from nothing
    last: int = 0

    @property
    def whole(self) -> bool:
        return (self.first, self.last) == (0, 0)


@dataclass(frozen=True)
class Verdict:
    """Of one comparison."""

    name: Name
    reason: str  # in words
    margin: float  # of word error rate, fixed beforehand by a recipe
    steps: int  # of the training that were compared
    parting: FirstDifference | None  # where the trainings part; None: nowhere, as far as was compared
    equivalence: Equivalence | None = None  # where it was needed
    difference: PairedTest | None = None  # likewise, where outcomes of utterances are known
    search_equivalence: Equivalence | None = None  # of the search, where both runs have one
    search_difference: PairedTest | None = None  # likewise

    @property
    def exit_status(self) -> int:
        return EXIT[self.name]

    def __str__(self) -> str:
        shown = f"equivalent within ±{self.margin:.2%} of WER" if self.name == "equivalent" else self.name
        return f"{shown}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        return {"exit_status": self.exit_status, **asdict(self)}


def judge(
    first: Record,
    second: Record,
    scope: Scope = Scope(),  # frozen
    margin: float = 1.0,
) -> Verdict:
    """Whether `second` has the result of `first`.

    Bits are asked first, then transcripts, then error rates. Equivalence is two one-sided tests within the margin that
    the first record's recipe fixed (or `margin`, if it is narrower); difference is a paired test; both at the level
    `ALPHA`. A difference that is certain but smaller than the margin is equivalent. What is neither shown equal nor
    shown different is inconclusive.

    Where both runs also have a search, its transcripts must be the same too, or its rate and the greedy one must both
    be equivalent; they are different if one of them is, at half the level each.
    """
    margin = min(margin, first.recipe.score.margin)
    ways = Way.of(first), Way.of(second)
    parting = first_difference(*ways, start=scope.first)
    steps = steps_in_common(*ways, start=scope.first)
    if scope.whole and parting is None and ways[0].steps != ways[1].steps:
        parting = FirstDifference(steps + 1, steps, "end", 0)

    def verdict(name: Name, reason: str, *tests: Any) -> Verdict:
        return Verdict(name, reason, margin, steps, parting, *tests)

    if obstacle := _obstacle(first, second, scope, steps):
        return verdict("not comparable", obstacle)
    if not scope.whole:
        return _of_some_steps(first, scope, steps, parting, verdict)
    alone = "; the search of one of them has no counterpart" * (
        (first.search is None) != (second.search is None)
    )
    if parting is None and _same_model(first, second) and _same_files(first, second):
        return verdict(
            "bit-identical", f"all {steps} steps, the weights and every transcript are the same{alone}"
        )
    where = (
        f"the trainings part at {parting}"
        if parting
        else "the trainings are the same, as far as they are recorded"
    )
    if _same_transcripts(first, second):
        return verdict("same transcripts", f"every test transcript is the same, though {where}{alone}")
    name, reason, tests = _by_rates(first, second, margin)
    return verdict(name, f"{reason}; {where}{alone}", *tests)


def _obstacle(first: Record, second: Record, scope: Scope, steps: int) -> str:
    """Why the two are not about the same thing; "" when they are."""
    if first.corpus is None or second.corpus is None:
        return "a record without a corpus claims nothing"
    if first.corpus.name != second.corpus.name:
        return f"one is of the corpus {first.corpus.name}, the other of {second.corpus.name}"
    if not scope.whole:
        if steps:
            return ""
        epochs = f"; without a trail, it tells of whole epochs: {_first_epoch(first)}" * (not first.trail)
        return f"no step was run that both records tell of{epochs}"
    for what, record in (("first", first), ("second", second)):
        if record.status != "complete" or "test" not in record.results:
            return f"the {what} run is {record.status} and has no result"
    ours, theirs = first.corpus.splits["test"], second.corpus.splits["test"]
    if ours.digest != theirs.digest:
        return (
            f"the test parts are not the same: {ours.utterances} utterances ({ours.digest[:12]}…) and "
            f"{theirs.utterances} ({theirs.digest[:12]}…)"
        )
    if first.recipe.text != second.recipe.text:
        return f"texts were normalised by {first.recipe.text} in one and by {second.recipe.text} in the other"
    return ""


def _first_epoch(record: Record) -> str:
    return f"--steps 0:{record.epochs[0].steps}" if record.epochs else "of none"


def _of_some_steps(
    first: Record, scope: Scope, steps: int, parting: FirstDifference | None, verdict: Any
) -> Verdict:
    of = first.model.steps if first.model else Way.of(first).steps
    which = f"steps {scope.first + 1} to {scope.first + steps} of {of}"
    if parting is None:
        what = "digests" if first.trail else "losses, gradient norms and development results, to the last bit"
        found: Verdict = verdict(
            "bit-identical", f"{which} have the same {what}; the others were not run again"
        )
    else:
        found = verdict(
            "inconclusive",
            f"of {which}, the first difference is at {parting}; other bits can have the same error rate, which "
            "only the whole run can tell",
        )
    return found


def _same_model(first: Record, second: Record) -> bool:
    return (
        first.model is not None
        and second.model is not None
        and first.model.weights_digest == second.model.weights_digest
    )


def _same_files(first: Record, second: Record, parts: tuple[str, ...] = ("dev", "test")) -> bool:
    names = [ours.file(part) for ours, _ in _scored(first, second) for part in parts]
    return all(name in first.files and first.files[name] == second.files.get(name) for name in names)


def _same_transcripts(first: Record, second: Record) -> bool:
    if _same_files(first, second, ("test",)):
        return True
    pairs = [(ours.texts, theirs.texts) for ours, theirs in _claims(first, second)]
    return all(ours and ours == theirs for ours, theirs in pairs)


@dataclass(frozen=True)
class _Claim:
    """A result on the test part, and what became of each utterance."""

    result: Result
    outcomes: Mapping[str, Outcome]

    @classmethod
    def of(cls, scored: Scored) -> "_Claim":
        return cls(scored.results["test"], scored.outcomes.get("test", {}))

    @property
    def texts(self) -> dict[str, str]:
        return {name: outcome.hypothesis for name, outcome in self.outcomes.items()}


def _claims(first: Record, second: Record) -> list[tuple[_Claim, _Claim]]:
    return [
        (_Claim.of(ours), _Claim.of(theirs))
        for ours, theirs in _scored(first, second)
        if "test" in ours.results and "test" in theirs.results
    ]


def _scored(first: Record, second: Record) -> list[tuple[Scored, Scored]]:
    """Of both records: greedy decoding, and the search where both have one."""
    return list(zip(all_scored(first), all_scored(second), strict=False))


def _by_rates(first: Record, second: Record, margin: float) -> tuple[Name, str, tuple[Any, ...]]:
    """Name, reason, and the tests of all results."""
    claims = _claims(first, second)
    judged = [_by_rate(ours, theirs, margin, ALPHA / len(claims)) for ours, theirs in claims]
    names: set[Name] = {name for name, _, _ in judged}
    name: Name = "equivalent" if names == {"equivalent"} else "inconclusive"
    if "different" in names:
        name = "different"
    reasons = [reason for _, reason, _ in judged]
    if len(judged) > 1:
        reasons = [
            f"{how}: {f'{found}, ' * (found != name)}{reason}"
            for how, (found, reason, _) in zip(("greedy", "search"), judged, strict=True)
        ]
    return name, "; ".join(reasons), tuple(test for _, _, tests in judged for test in tests)


def _by_rate(
    ours: _Claim, theirs: _Claim, margin: float, alpha: float
) -> tuple[Name, str, tuple[Equivalence | None, PairedTest | None]]:
    """Of one result; `alpha` is the level of the test for a difference."""
    kind = "WER" if ours.result.unit == "word" else "CER"
    rates = f"{kind} {ours.result.wer:.2%} and {theirs.result.wer:.2%}"
    if ours.result.sentences < 2:
        return "inconclusive", f"{rates} of a single utterance, which shows nothing", (None, None)
    shown, test = _tests(ours, theirs, margin)
    apart = test is not None and test.p < alpha
    how = (
        f"paired test over {test.unit}: p = {test.p:.2g}"
        if test
        else "from the intervals of both, as a record does not tell of each utterance"
    )
    low, high = shown.interval
    interval = f"{100 * (1 - 2 * ALPHA):.0f} % interval {low:+.2%} to {high:+.2%}"
    found = f"{rates}, difference {shown.difference:+.2%} ({interval}; {how})"
    if shown.equivalent:
        certain = ", a difference that is real but smaller than the margin" * apart
        return "equivalent", f"{found}{certain}", (shown, test)
    if apart:
        return "different", found, (shown, test)
    return (
        "inconclusive",
        f"{found}: neither shown to be within ±{margin:.2%}, for which these data would need a margin of "
        f"±{shown.smallest_margin:.2%}, nor shown to differ",
        (shown, test),
    )


def _tests(ours: _Claim, theirs: _Claim, margin: float) -> tuple[Equivalence, PairedTest | None]:
    try:
        paired = Paired.of(ours.outcomes, theirs.outcomes)
    except ValueError:
        # No outcomes in records of format 1, or the utterances have other names: their intervals are all there is.
        shown = equivalence_from_intervals(
            (ours.result.wer, ours.result.wer_interval_95),
            (theirs.result.wer, theirs.result.wer_interval_95),
            sentences=ours.result.sentences,
            margin=margin,
            alpha=ALPHA,
        )
        return shown, None
    return equivalence(paired, margin, ALPHA), matched_pairs(paired)
