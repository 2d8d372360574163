"""Exactly one verdict, with its reason: each of the six, their order, and audits of some steps.

The records are made by hand: what two trainings give is known to the last error. Where the boundaries are is in
test_verdict_boundaries.py.
"""

import by_hand
import pytest
from by_hand import (
    FEW,
    MANY,
    PARTED,
    another,
    claims,
    moved,
    of_format_1,
    other_bits,
    outcomes,
    record,
    with_part,
)
from history import History

from asr.claims.trails import FirstDifference
from asr.claims.verdict import EXIT, Scope, judge


def test_bit_identical() -> None:
    found = judge(record(), record())
    assert (found.name, found.exit_status, found.steps, found.parting) == ("bit-identical", 0, 12, None)
    assert str(found) == "bit-identical: all 12 steps, the weights and every transcript are the same"
    assert (found.equivalence, found.difference) == (None, None)


def test_same_transcripts() -> None:
    found = judge(*claims(FEW, FEW, texts=""))
    assert (found.name, found.exit_status, found.parting) == (
        "same transcripts",
        0,
        FirstDifference(2, 1, "loss", 0),
    )
    assert str(found) == f"same transcripts: every test transcript is the same, though {PARTED}"


def test_equivalent() -> None:
    found = judge(*claims(MANY, moved(MANY, 20)))
    assert (found.name, found.exit_status, found.margin) == ("equivalent", 0, 0.01)
    assert str(found).startswith(
        "equivalent within ±1.00% of WER: WER 10.00% and 10.00%, difference +0.00% (90 % "
    )
    assert str(found).endswith(f"; {PARTED}")
    assert found.equivalence is not None
    assert found.equivalence.equivalent


def test_different() -> None:
    found = judge(*claims(FEW, [2] * 12))
    assert (found.name, found.exit_status) == ("different", 3)
    assert "WER 10.00% and 20.00%, difference +10.00%" in found.reason
    assert "paired test over utterances: p = " in found.reason
    assert found.difference is not None
    assert found.difference.p < 0.05


def test_inconclusive() -> None:
    found = judge(*claims(FEW, moved(FEW, 2, 1)))
    assert (found.name, found.exit_status) == ("inconclusive", 4)
    assert "neither shown to be within ±1.00%, for which these data would need a margin of ±" in found.reason
    assert "nor shown to differ" in found.reason
    assert found.equivalence is not None
    assert found.difference is not None


def test_not_comparable() -> None:
    first = record()
    assert first.corpus is not None
    other_corpus = first.corpus.model_copy(update={"name": "fsdd"})
    for second, why in (
        (record(corpus=None), "a record without a corpus claims nothing"),
        (record(corpus=other_corpus), "one is of the corpus an4, the other of fsdd"),
        (record(status="interrupted"), "the second run is interrupted and has no result"),
        (record(results={}), "the second run is complete and has no result"),
        (
            with_part(record(), "test", utterances=9, digest="e" * 64),
            f"the test parts are not the same: 10 utterances ({first.corpus.splits['test'].digest[:12]}…) and 9 "
            "(eeeeeeeeeeee…)",
        ),
    ):
        found = judge(first, second)
        assert (found.name, found.exit_status, found.reason) == ("not comparable", 5, why)
        assert judge(second, first).name == "not comparable"


def test_exit_statuses_are_those_of_the_documentation() -> None:
    """1 and 2 are for errors and wrong command lines."""
    statuses = {"bit-identical": 0, "same transcripts": 0, "equivalent": 0}
    assert statuses | {"different": 3, "inconclusive": 4, "not comparable": 5} == EXIT


# ---- what comes before what


def test_other_training_or_development_data_can_be_compared() -> None:
    """Only the test part must be the same."""
    for part in ("train", "dev"):
        assert judge(record(), with_part(record(), part, digest="e" * 64)).name == "bit-identical"


def test_same_bits_need_the_same_way_weights_and_transcripts() -> None:
    """One of them is other, and it is the next best verdict."""
    whole = record()
    assert whole.model is not None
    weights = whole.model.model_copy(update={"weights_digest": "e" * 64})
    dev = {**whole.files, "hypotheses/dev.jsonl": "e" * 64}
    parted = list(History.of(12).parted(12, ["cursor"]).trail(4, epoch=6))
    for second in (
        whole.model_copy(update={"model": weights}),
        whole.model_copy(update={"model": None}),
        whole.model_copy(update={"files": dev}),
        whole.model_copy(update={"files": {}}),
        whole.model_copy(update={"trail": parted}),
    ):
        for found in (judge(whole, second), judge(second, whole)):
            assert found.name == "same transcripts"
    assert judge(whole, whole.model_copy(update={"trail": parted})).reason.endswith(
        "part at steps 9 to 12: where the training stands: the best development result so far"
    )
    assert judge(whole, whole.model_copy(update={"model": weights})).reason.endswith(
        "though the trainings are the same, as far as they are recorded"
    )


def test_a_training_that_ended_earlier_is_another_one() -> None:
    """The best epoch was the first, so weights and transcripts are the same; the way is not."""
    shorter = record(trail=History.of(12).trail(4, epoch=6, last=6), epochs=[by_hand.epoch(1, 6)])
    for found in (judge(record(), shorter), judge(shorter, record())):
        assert (found.name, found.steps) == ("same transcripts", 6)
        assert found.parting == FirstDifference(7, 6, "end", 0)
        assert found.reason.endswith(
            "the trainings part at step 7: one training goes on, the other has ended"
        )


def test_transcripts_are_compared_utterance_by_utterance() -> None:
    """As many errors in each, but one other word: not the same transcripts."""
    texts = ["same"] * 11 + ["other"]
    first = record(outcomes(FEW, texts="same"))
    second = other_bits(record(outcomes(FEW, texts=texts)))
    assert judge(first, other_bits(record(outcomes(FEW, texts="same")))).name == "same transcripts"
    assert judge(first, second).name == "inconclusive"


def test_same_transcripts_come_before_equivalence() -> None:
    found = judge(*claims(MANY, MANY, texts=""))
    assert (found.name, found.equivalence) == ("same transcripts", None)


def test_equivalence_comes_before_difference() -> None:
    """30 errors in 12,000 words, all to one side: real beyond doubt, and a quarter of the margin."""
    found = judge(*claims(MANY, moved(MANY, 0, 30)))
    assert found.difference is not None
    assert found.difference.p < 1e-5
    assert (found.name, found.exit_status) == ("equivalent", 0)
    assert "a difference that is real but smaller than the margin" in found.reason
    assert "real but smaller" not in judge(*claims(MANY, moved(MANY, 20))).reason


def test_different_beyond_the_margin() -> None:
    """The same certainty at 2.5 %, which is more than the margin."""
    found = judge(*claims(MANY, moved(MANY, 0, 300)))
    assert (found.name, found.equivalence and found.equivalence.difference) == ("different", 0.025)


# ---- records of format 1


def test_format_1_with_itself_and_with_format_2() -> None:
    first = of_format_1(record())
    for one, other in ((first, first), (first, record()), (record(), first)):
        found = judge(one, other)
        assert (found.name, found.steps, found.parting) == ("bit-identical", 12, None)


def test_format_1_with_the_same_transcripts() -> None:
    """The digest of the file of hypotheses tells. That of the development data has no say."""
    first = of_format_1(record())
    dev = {**first.files, "hypotheses/dev.jsonl": "e" * 64}
    second = another(first).model_copy(update={"files": dev})
    for one, other in ((first, second), (first, second.model_copy(update={"format": 2})), (second, first)):
        assert judge(one, other).name == "same transcripts"


# ---- some steps


@pytest.mark.parametrize(("first", "last"), [(0, 4), (4, 8), (5, 6), (11, 12)])
def test_an_audit_says_which_steps_it_has_seen(first: int, last: int) -> None:
    """The second run is interrupted after them, and has no result."""
    again = record(status="interrupted", results={}, trail=History.of(12).trail(4, epoch=6, last=last))
    found = judge(record(), again, Scope(first, last))
    assert (found.name, found.exit_status, found.steps) == ("bit-identical", 0, last - first)
    assert (
        found.reason
        == f"steps {first + 1} to {last} of 12 have the same digests; the others were not run again"
    )


def test_an_audit_that_finds_something_is_inconclusive() -> None:
    """Other bits can have the same error rate. What was before the audit's start does not count."""
    history = History.of(12).parted(6, ["gradient"])
    again = record(status="interrupted", results={}, trail=history.trail(4, last=8))
    found = judge(record(), again, Scope(4, 8))
    assert (found.name, found.exit_status) == ("inconclusive", 4)
    assert found.reason.startswith(
        "of steps 5 to 8 of 12, the first difference is at step 6: the sum of the gradients;"
    )
    assert judge(record(), again, Scope(0, 5)).name == "inconclusive"
    other = History.of(12).parted(2, ["heard"], spreads=False)
    early = History(other.prints[:3] + History.of(12).prints[3:], History.of(12).states)  # in steps 2 and 3
    before = again.model_copy(update={"trail": early.trail(4, last=8)})
    assert judge(record(), before, Scope(4, 8)).name == "bit-identical"
    assert judge(record(), before, Scope(0, 8)).name == "inconclusive"


def test_an_audit_without_a_common_step() -> None:
    again = record(status="interrupted", results={}, trail=History.of(12).trail(4, last=4))
    found = judge(record(), again, Scope(4, 8))
    assert (found.name, found.reason) == ("not comparable", "no step was run that both records tell of")


def test_an_audit_of_a_record_without_a_trail() -> None:
    """It tells of whole epochs. Nothing is said to be the same that was not compared."""
    first = of_format_1(record())
    for last, epochs in ((5, 0), (6, 1), (9, 1), (12, 2)):
        again = record(
            status="interrupted",
            results={},
            trail=History.of(12).trail(4, last=last),
            epochs=[by_hand.epoch(number, 6) for number in range(1, epochs + 1)],
        )
        found = judge(first, again, Scope(0, last))
        if epochs:
            assert (found.name, found.steps) == ("bit-identical", 6 * epochs)
            assert (
                f"steps 1 to {6 * epochs} of 12 have the same losses, gradient norms and dev" in found.reason
            )
            assert "digests" not in found.reason
        else:
            assert (found.name, found.exit_status) == ("not comparable", 5)
            assert found.reason.endswith("without a trail, it tells of whole epochs: --steps 0:6")


def test_an_audit_of_a_run_that_was_not_finished() -> None:
    """It has no model; its steps are those of its trail."""
    first = record(status="interrupted", model=None, results={}, outcomes={})
    again = record(status="interrupted", results={}, trail=History.of(12).trail(4, last=4))
    assert judge(first, again, Scope(0, 4)).reason.startswith("steps 1 to 4 of 12 have the same digests")


def test_an_audit_on_another_corpus() -> None:
    """Other training data can be run; data of another name are about something else."""
    again = with_part(record(status="interrupted", results={}), "test", digest="e" * 64)
    assert judge(record(), again, Scope(0, 4)).name == "bit-identical"
    assert again.corpus is not None
    other = again.model_copy(update={"corpus": again.corpus.model_copy(update={"name": "fsdd"})})
    assert judge(record(), other, Scope(0, 4)).name == "not comparable"
    assert judge(record(), record(corpus=None), Scope(0, 4)).name == "not comparable"
