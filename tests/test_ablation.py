"""The table of benchmarks/ablation.py: which runs are compared, and what its test counts."""

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from asr.evaluation.significance import Paired, matched_pairs
from asr.recipe_file import load_recipe
from asr.runs.record import Outcome


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "ablation.py"
    spec = importlib.util.spec_from_file_location("ablation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(*errors: int) -> SimpleNamespace:
    """What is read of a run record: utterances of three words each, every one of a speaker of its own."""
    outcomes = {
        f"u{row}": Outcome(speaker=f"s{row}", words=3, errors=each, characters=0, hypothesis="")
        for row, each in enumerate(errors)
    }
    rate = sum(errors) / (3 * len(errors))
    return SimpleNamespace(outcomes={"test": outcomes}, results={"test": SimpleNamespace(wer=rate)})


def test_every_variant_is_a_recipe(ablation: ModuleType) -> None:
    base = load_recipe(ablation.RECIPE)
    found = {name: load_recipe(ablation.RECIPE, changes) for name, changes in ablation.VARIANTS.items()}
    assert found.pop(ablation.BASE) == base
    digests = [recipe.model_dump_json() for recipe in found.values()]
    assert len(set(digests)) == len(digests)
    assert base.model_dump_json() not in digests


def test_errors_of_all_seeds_are_added_in_each_utterance(ablation: ModuleType) -> None:
    first = {1: record(1, 0, 2, 0, 1, 0), 2: record(0, 0, 3, 1, 1, 0)}
    second = {1: record(1, 1, 2, 0, 2, 1), 2: record(1, 0, 3, 1, 2, 0)}
    by_hand = matched_pairs(
        Paired.of(
            {f"u{row}": outcome(row, errors) for row, errors in enumerate([1, 0, 5, 1, 2, 0])},
            {f"u{row}": outcome(row, errors) for row, errors in enumerate([2, 1, 5, 1, 4, 1])},
        )
    )
    found = ablation.paired_test(first, second)
    assert found == by_hand
    assert found.difference == pytest.approx(5 / 36)


def outcome(row: int, errors: int) -> Outcome:
    return Outcome(speaker=f"s{row}", words=6, errors=errors, characters=0, hypothesis="")


def test_over_seeds(ablation: ModuleType) -> None:
    """Differences of 1, 1 and 4 errors: their mean is 2, its standard error 1; t = 2 with 2 degrees has p = 0.1835."""
    first = {seed: record(0, 1, 0) for seed in (1, 2, 3)}
    second = {1: record(1, 1, 0), 2: record(0, 1, 1), 3: record(2, 2, 1)}
    assert ablation.seeds_test(first, second) == pytest.approx(0.1835, abs=1e-4)
    assert ablation.seeds_test({1: first[1]}, {1: second[1]}) is None


def test_other_seeds_and_other_utterances_are_refused(ablation: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"seeds \[1\] against \[2\]"):
        ablation.paired_test({1: record(0, 1)}, {2: record(0, 1)})
    with pytest.raises(ValueError, match="not tested on the same utterances"):
        ablation.paired_test({1: record(0, 1), 2: record(0, 1, 1)}, {1: record(0, 1), 2: record(0, 1, 1)})


def test_a_seed_without_a_base_is_no_row(ablation: ModuleType) -> None:
    trial = ablation.Trial
    records = {
        trial("base", 1): record(1, 0, 1),
        trial("base", 2): record(0, 0, 1),
        trial("gru", 1): record(1, 1, 1),
        trial("gru", 3): record(9, 9, 9),
        trial("rnn", 3): record(9, 9, 9),
    }
    rows = {row.variant: row for row in ablation.table(records)}
    assert list(rows) == ["base", "gru"]
    assert rows["base"].test is None
    assert len(rows["gru"].records) == 1
    assert rows["gru"].test.difference == pytest.approx(1 / 9)
    assert rows["gru"].p_holm == rows["gru"].test.p
