"""Verdicts on runs with a search: it must hold as the greedy result must."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from searched import finished, options

from asr.claims.compare import compare
from asr.claims.given import Given, read_given
from asr.claims.reproduce import reproduce
from asr.claims.verdict import judge
from asr.errors import RunError
from asr.runs.record import Counts, Outcome, Record, Result


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.getbasetemp() / "searched")


@pytest.fixture(scope="module")
def record(base: Path) -> Record:
    return read_given(base).record


def of(record: Record, greedy: int, search: int, text: str = "0") -> Record:
    """The same run on 60 test utterances of five words, in each of which one way and the other make so many errors.

    Every fourth utterance has one more, so that there is a spread. What the search heard has the digest `text`.
    """

    def scored(errors: int, name: str) -> tuple[dict[str, Outcome], Result]:
        outcomes = {
            f"u{n}": Outcome(
                speaker="emil", words=5, errors=errors + (n % 4 == 0), characters=errors, hypothesis=name * 16
            )
            for n in range(60)
        }
        total = sum(each.errors for each in outcomes.values())
        words = Counts(hits=300, substitutions=0, deletions=0, insertions=total, reference_length=300)
        changes = {"wer": total / 300, "words": words, "sentences": 60}
        return outcomes, record.results["test"].model_copy(update=changes)

    assert record.search is not None
    (ours, result), (theirs, searched) = scored(greedy, "1"), scored(search, text)
    changed = record.search.model_copy(update={"outcomes": {"test": theirs}, "results": {"test": searched}})
    changes = {"outcomes": {"test": ours}, "results": {"test": result}, "search": changed}
    files = {**record.files, "hypotheses/test-search.jsonl": text * 64}
    score = record.recipe.score.model_copy(update={"margin": 0.1})  # what 60 utterances can show
    recipe = record.recipe.model_copy(update={"score": score})
    return record.model_copy(update={**changes, "files": files, "recipe": recipe})


def test_the_same(record: Record) -> None:
    assert judge(record, record).name == "bit-identical"


def test_other_transcripts_of_the_search_alone(record: Record) -> None:
    verdict = judge(of(record, 1, 0), of(record, 1, 0, "2"))
    assert verdict.name == "equivalent"
    assert "greedy: WER" in verdict.reason and "search: WER" in verdict.reason
    assert verdict.search_equivalence is not None and verdict.search_equivalence.difference == 0


def test_a_worse_search_is_another_result(record: Record) -> None:
    verdict = judge(of(record, 1, 0), of(record, 1, 1, "2"))
    assert verdict.name == "different"
    assert verdict.search_difference is not None and verdict.search_difference.p < 0.025
    assert verdict.equivalence is not None and verdict.equivalence.equivalent  # the greedy one holds
    assert "greedy: equivalent, WER 25.00% and 25.00%" in verdict.reason  # (60 + 15) / 300


def test_a_run_without_one_is_judged_by_what_both_have(record: Record) -> None:
    alone = record.model_copy(update={"search": None})
    verdict = judge(record, alone)
    assert verdict.name == "bit-identical"
    assert verdict.reason.endswith("the search of one of them has no counterpart")


def test_compare_tests_both(base: Path, record: Record) -> None:
    found = compare(Given(base, of(record, 1, 0)), Given(base, of(record, 1, 1, "2")))
    assert found.tests is not None and found.search_tests is not None
    assert found.other_transcripts == []
    assert len(found.other_search_transcripts) == 60
    assert found.search_tests.matched_pairs.difference > found.tests.matched_pairs.difference == 0


def test_reproduced_with_its_file_and_refused_with_another(base: Path, tmp_path: Path) -> None:
    home = base.parent
    (tmp_path / "lm").mkdir()
    alone = Path(shutil.copy(base / "record.json", tmp_path / "published.json"))
    (tmp_path / "lm" / "text.txt").write_text("another text\n", encoding="utf-8")
    settings = options(home, "run")
    with pytest.raises(RunError, match=r"lm/text\.txt: is not the file of the record .*--files"):
        reproduce(read_given(alone), replace(settings, out=tmp_path / "again", files=(tmp_path,)))
    assert not (tmp_path / "again").exists()
    found = reproduce(read_given(alone), replace(settings, out=tmp_path / "again"))
    assert found.verdict.name == "bit-identical"
    assert found.record.search is not None
