"""Two results side by side: paired tests, causes, transcripts; several seeds: mean and spread."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import by_hand
import miniature
import pytest
from by_hand import FEW, claims, moved, of_format_1, other_bits, outcomes, record, with_key, with_part

from asr.claims.compare import Group, compare, groups, other_transcripts
from asr.claims.given import Given, read_given
from asr.cli.comparison import print_groups, print_rates
from asr.errors import RunError
from asr.evaluation.mapsswe import mapsswe
from asr.evaluation.significance import Paired, bootstrap, matched_pairs, mcnemar
from asr.runs.record import Record, read_record, write_record

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def given(made: Record) -> Given:
    """A record that stands in no file."""
    return Given(Path("nowhere.json"), made)


def both(first: Record, second: Record) -> tuple[Given, Given]:
    return given(first), given(second)


def test_tests_are_those_on_the_same_utterances() -> None:
    speakers = [f"s{number % 6}" for number in range(12)]
    one, two = (
        outcomes(FEW, speakers=speakers),
        outcomes([2, 0, 1, 3, 1, 1, 0, 0, 1, 1, 5, 1], speakers=speakers),
    )
    found = compare(*both(record(one), other_bits(record(two)))).tests
    paired = Paired.of(one, two)
    assert found is not None
    assert found.matched_pairs == matched_pairs(paired)
    assert found.over_utterances == bootstrap(
        paired, resamples=50
    )  # as many as the first record's recipe says
    assert found.over_speakers == bootstrap(paired, unit="speakers", resamples=50)
    assert found.sentences == mcnemar(paired)
    assert (found.sentences.first_only, found.sentences.second_only) == (3, 0)
    assert found.segments is None  # there are no texts in a record
    assert found.matched_pairs.difference == pytest.approx(4 / 120)


def test_differences_are_second_minus_first() -> None:
    better = compare(*both(*claims([3] * 12, FEW))).tests
    worse = compare(*both(*claims(FEW, [3] * 12))).tests
    assert better is not None
    assert worse is not None
    assert better.matched_pairs.difference == pytest.approx(-0.2)
    assert worse.matched_pairs.difference == pytest.approx(0.2)
    assert better.over_utterances.improvement == 1.0


@pytest.mark.parametrize("speakers", [["anna"] * 12, [""] * 12])
def test_one_speaker_or_none_is_no_sample_of_speakers(speakers: list[str]) -> None:
    one, two = (outcomes(errors, speakers=speakers) for errors in (FEW, [2] * 12))
    found = compare(*both(record(one), other_bits(record(two)))).tests
    assert found is not None
    assert found.over_speakers is None


def test_why_there_are_no_tests() -> None:
    whole = record()
    renamed = record({f"x{name}": outcome for name, outcome in outcomes([1] * 10).items()})
    other_words = record(outcomes([1] * 10, words=9))
    for second, why in (
        (record(corpus=None), "a record names no corpus"),
        (record(status="interrupted", results={}), "a run is not complete"),
        (of_format_1(whole), "a record of format 1 does not tell of each utterance"),
        (renamed, "20 utterances are in one result only, such as u0000, u0001, u0002"),
        (other_words, "utterance u0000: 10 words of speaker '' in the first result, 9 of '' in the second;"),
    ):
        for one, other in ((whole, second), (second, whole)):
            found = compare(*both(one, other))
            assert found.tests is None
            if (one, other) == (whole, second):
                assert found.no_tests.startswith(why), found.no_tests


def test_one_utterance() -> None:
    found = compare(*both(*claims([1], [2])))
    assert found.tests is None
    assert found.no_tests.startswith("1 utterances: two or more are needed")
    assert found.verdict.name == "inconclusive"


def test_the_narrower_margin_counts() -> None:
    """Neither of two recipes can make a claim about the other easier."""
    first, second = claims(FEW, moved(FEW, 2))
    wide, narrow = with_key(second, score__margin=0.9), with_key(first, score__margin=0.001)
    for one, two, margin in (
        (first, wide, 0.01),
        (wide, first, 0.01),
        (narrow, wide, 0.001),
        (wide, narrow, 0.001),
    ):
        found = compare(*both(one, two)).verdict
        assert (found.name, found.margin) == ("inconclusive", margin)
    both_wide = compare(*both(with_key(first, score__margin=0.9), wide)).verdict
    assert (both_wide.name, both_wide.margin) == ("equivalent", 0.9)


def test_transcripts_that_differ_are_named() -> None:
    first, second = record(outcomes(FEW, texts="a")), record(outcomes(FEW, texts=["a"] * 10 + ["b", "c"]))
    assert other_transcripts(first, second) == ["u0010", "u0011"]
    assert compare(*both(first, second)).other_transcripts == ["u0010", "u0011"]
    assert other_transcripts(first, first) == []
    assert other_transcripts(first, of_format_1(second)) == []  # it does not tell


def test_causes_stand_at_the_place_where_the_trainings_part() -> None:
    found = compare(*both(record(), other_bits(with_key(record(), model__dropout=0.5))))
    assert found.verdict.parting is not None
    assert found.verdict.parting.place == "loss"
    assert [(cause.what, cause.likely) for cause in found.causes] == [("recipe key model.dropout", True)]


def test_comparison_as_json() -> None:
    tree = json.loads(json.dumps(compare(*both(*claims(FEW, [2] * 12))).to_json(), allow_nan=False))
    assert (tree["first"], tree["verdict"]["name"], tree["no_tests"]) == ("nowhere.json", "different", "")
    assert tree["tests"]["matched_pairs"]["difference"] == pytest.approx(0.1)
    assert tree["verdict"]["difference"]["p"] == tree["tests"]["matched_pairs"]["p"]
    assert tree["causes"] == []
    empty = json.loads(json.dumps(compare(*both(record(), record(corpus=None))).to_json(), allow_nan=False))
    assert (empty["tests"], empty["verdict"]["exit_status"]) == (None, 5)


# ---- run folders


@pytest.fixture
def pair(trained: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A real run, and a copy that heard other words in two utterances of its test part."""
    second = tmp_path / "second"
    shutil.copytree(trained[1], second)
    path = second / "hypotheses" / "test.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[:2]:
        line["hypothesis"] += " GO"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return trained[1], second


def test_segments_are_made_of_the_texts_of_both(pair: tuple[Path, Path]) -> None:
    """MAPSSWE needs references and hypotheses, which are in the folders and not in the records."""
    texts: list[dict[str, tuple[str, str]]] = []
    for folder in pair:
        lines = map(json.loads, (folder / "hypotheses" / "test.jsonl").read_text().splitlines())
        texts.append({line["id"]: (line["reference"], line["hypothesis"]) for line in lines})
    triples = [(*texts[0][name], texts[1][name][1]) for name in texts[0]]
    found = compare(read_given(pair[0]), read_given(pair[1])).tests
    assert found is not None
    assert found.segments == mapsswe(triples)
    assert found.segments.second_errors == found.segments.first_errors + 2
    alone = compare(read_given(pair[0] / "record.json"), read_given(pair[1])).tests
    assert alone is not None
    assert alone.segments is None


def by_character(run: Given) -> Given:
    result = run.record.results["test"].model_copy(update={"unit": "character"})
    results = {**run.record.results, "test": result}
    return replace(run, record=run.record.model_copy(update={"results": results}))


def test_where_errors_are_counted_in_characters(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two hypotheses have "GO" in addition: four characters. What is printed says so."""
    first, second = (by_character(read_given(folder)) for folder in pair)
    found = compare(first, second)
    assert found.tests is not None and found.tests.segments is not None
    assert found.tests.segments.second_errors == found.tests.segments.first_errors + 4
    print_rates([first])
    out = capsys.readouterr().out
    assert "by character test" in out and "errors / characters" in out and "WER" not in out
    print_groups([Group("zh", [1, 2], [0.1, 0.2], 1, [], "character")])
    assert "mean CER 15.00%" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["not JSON\n", '{"id": "a"}\n', "[1]\n", b"\xff\xfe\n"])
def test_broken_hypotheses(pair: tuple[Path, Path], content: str | bytes) -> None:
    path = pair[1] / "hypotheses" / "test.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError, match=r"test\.jsonl: not a file of hypotheses .* `asr verify` says more"):
        compare(read_given(pair[0]), read_given(pair[1]))


def test_folder_without_hypotheses(pair: tuple[Path, Path]) -> None:
    shutil.rmtree(pair[1] / "hypotheses")
    found = compare(read_given(pair[0]), read_given(pair[1])).tests
    assert found is not None
    assert found.segments is None


def test_a_real_run_with_itself(trained: tuple[Path, Path]) -> None:
    one = read_given(trained[1])
    found = compare(one, one)
    assert (found.verdict.name, found.causes, found.other_transcripts) == ("bit-identical", [], [])
    assert found.tests is not None
    assert found.tests.matched_pairs.p == found.tests.sentences.p == 1.0
    assert found.tests.segments is not None
    assert found.tests.segments.p == 1.0


def test_what_is_given(trained: tuple[Path, Path], alone: Path, tmp_path: Path) -> None:
    assert read_given(trained[1]).folder is not None
    assert read_given(alone).folder is None
    assert read_given(alone).record == read_given(trained[1]).record
    with pytest.raises(RunError, match="no run here"):
        read_given(tmp_path)


# ---- several seeds


def seeds(rates: Sequence[float], name: str = "miniature", first: int = 1) -> list[Record]:
    """Runs of one recipe with seeds from `first` on and these errors in 10 words."""
    made = []
    for seed, rate in enumerate(rates, first):
        recipe = miniature.recipe(seed=seed, name=name)
        made.append(record(outcomes([round(rate * 10)]), recipe=recipe, weights=f"{name} {seed}"))
    return made


def test_mean_and_spread_over_seeds() -> None:
    """By hand: 10, 20 and 60 % have the mean 30 % and the deviation sqrt((400 + 100 + 900) / 2) = 26.46 %."""
    (group,) = groups(list(reversed(seeds([0.1, 0.2, 0.6]))))
    assert (group.name, group.seeds, group.rates) == ("miniature", [1, 2, 3], [0.1, 0.2, 0.6])
    assert group.mean == pytest.approx(0.3)
    assert group.deviation == pytest.approx(0.2645751)


def test_a_run_that_is_given_twice_counts_once() -> None:
    first, second = seeds([0.1, 0.3])
    (group,) = groups([first, second, first, by_hand.of_format_1(second)])
    assert (group.seeds, group.mean) == ([1, 2], pytest.approx(0.2))
    (alone,) = groups([first])
    assert alone.deviation == 0.0


def test_only_the_seed_may_differ() -> None:
    first, second = seeds([0.1, 0.3])
    for other in (
        with_key(second, train__clip=2.0),
        with_part(second, "train", digest="e" * 64),
        with_part(second, "test", digest="e" * 64),
        *seeds([0.3], name="other", first=2),
    ):
        assert len(groups([first, other])) == 2


def test_runs_without_a_result_are_in_no_group() -> None:
    first, second = seeds([0.1, 0.3])
    unfinished = second.model_copy(update={"status": "interrupted", "results": {}})
    (group,) = groups([first, unfinished, second.model_copy(update={"corpus": None})])
    assert group.seeds == [1]
    assert groups([unfinished]) == []


@pytest.mark.parametrize(("name", "mean", "deviation"), [("digits", 0.0125, 0.0068), ("an4", 0.0604, 0.0110)])
def test_committed_results_are_those_of_the_readme(name: str, mean: float, deviation: float) -> None:
    """Records of format 1; their table says 1.25 % +- 0.68 % and 6.04 % +- 1.10 %."""
    runs = [read_given(RESULTS / name / f"seed{seed}.json") for seed in (1, 2, 3)]
    (group,) = groups([run.record for run in runs])
    assert group.seeds == [1, 2, 3]
    assert (round(group.mean, 4), round(group.deviation, 4)) == (mean, deviation)
    for other in runs[1:]:
        found = compare(runs[0], other)
        assert found.verdict.name == "inconclusive"
        assert found.verdict.parting is not None
        assert (found.verdict.parting.place, found.verdict.parting.epoch) == ("epoch", 1)
        assert found.causes[0].what == "recipe key seed"
        assert found.no_tests == "a record of format 1 does not tell of each utterance"
    assert compare(runs[0], runs[0]).verdict.name == "bit-identical"


def test_committed_results_of_two_corpora() -> None:
    first, second = (read_given(RESULTS / name / "seed1.json") for name in ("yesno", "fsdd"))
    found = compare(first, second).verdict
    assert (found.name, found.reason) == ("not comparable", "one is of the corpus yesno, the other of fsdd")


def test_committed_results_before_and_after_numerics_were_pinned() -> None:
    """The same recipe, seed and corpus; what was asked of the libraries is different, and so are the bits."""
    found = compare(*(read_given(RESULTS / "digits" / path) for path in ("seed1.json", "pinned/seed1.json")))
    assert found.verdict.parting is not None
    assert (found.verdict.parting.place, found.verdict.parting.epoch) == ("epoch", 1)
    assert {cause.kind for cause in found.causes} <= {"instructions", "threads", "code", "layout"}
    assert "ATEN_CPU_CAPABILITY" in [cause.what for cause in found.causes if cause.likely]


def test_format_1_beside_format_2(tmp_path: Path) -> None:
    """A record of format 1 as it stands in its file, beside one of this version."""
    new = write_record(tmp_path, record())
    tree = json.loads((tmp_path / "record.json").read_text())
    for key in ("trail", "outcomes", "numerics", "checkpoints", "seal"):
        del tree[key]
    shared = tree["corpus"].pop("shared")
    tree["corpus"]["shared_speakers"] = shared["speakers"]
    del tree["corpus"]["waived"], tree["environment"]["libc"], tree["sessions"][0]["processes"]
    for part in tree["corpus"]["splits"].values():
        del part["manifest"]
    old = tmp_path / "old.json"
    old.write_text(json.dumps({**tree, "format": 1}))
    assert read_record(old).format == 1
    found = compare(read_given(old), given(new))
    assert (found.verdict.name, found.verdict.steps, found.causes) == ("bit-identical", 12, [])
    apart = compare(read_given(old), given(by_hand.another(with_key(new, seed=2))))
    assert apart.verdict.name == "inconclusive"
    assert apart.causes[0].what == "recipe key seed"
