"""Numbers of a benchmark, worked out by hand: times, quantiles, intervals over speakers; and the cache of answers."""

import json
import resource
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.benchmark.answer_cache import AnswerCache, identity_digest
from asr.benchmark.errors import BenchmarkError
from asr.benchmark.results import Answers, _quantile, evaluate, loading_and_memory, speed
from asr.benchmark.spec import benchmark_of
from asr.benchmark.transcripts import Answered, Reference, read_lines, same_utterances, write_lines


def said(number: int, text: str = "a b", speaker: str = "") -> Reference:
    return Reference(f"u{number}", speaker, 2.0, 16_000, f"{number:064x}", text)


def heard(number: int, text: str = "a b", **more: float) -> Answered:
    tree = {"seconds": 0.5, "cpu": 0.25, "loading": 3.0, "memory": 100, **more}
    return Answered(f"u{number}", f"{number:064x}", text, **tree)  # type: ignore[arg-type]


FAILED = Answered("u2", f"{2:064x}", failed="status 1")


def test_speed_by_hand() -> None:
    """Two answers of 0.5 and 1.5 s to 4 s of audio; the third failed."""
    found = speed([said(0), said(1), said(2)], [heard(0), heard(1, seconds=1.5, cpu=0.75), FAILED])
    assert found is not None
    assert found.model_dump() == {
        "utterances": 2, "audio": 4.0, "hearing": 2.0, "real_time_factor": 0.5, "cpu_factor": 0.25, "median": 1.0,
        "p99": 1.5,
    }  # fmt: skip
    assert speed([said(2)], [FAILED]) is None


def test_processor_time_of_what_takes_less_than_a_tick_of_the_clock() -> None:
    """A quick answer of a program that goes on may have none; that of all together is right."""
    found = speed([said(0), said(1)], [heard(0), heard(1, cpu=0.0)])
    assert found is not None and found.cpu_factor == 0.25 / 4
    unknown = speed([said(0), said(1)], [heard(0, cpu=0.0), heard(1, cpu=0.0)])
    assert unknown is not None and unknown.cpu_factor is None


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantile_by_its_definition(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = _quantile(ordered, share)
    enough = [
        each for each in ordered if sum(other <= each for other in ordered) >= share * len(ordered) - 1e-9
    ]
    assert found == min(enough)


def test_loading_and_memory() -> None:
    lines = [heard(0), heard(1, session=1, loading=5.0, memory=300), heard(2, session=1, loading=5.0), FAILED]
    assert loading_and_memory(lines) == (4.0, 300, 2)
    assert loading_and_memory([FAILED]) == (None, None, 0)


def test_figures_and_rules_reach_the_score() -> None:
    """An.4-like texts: the normaliser lowers, takes punctuation off, and the figure is read out."""
    tree = {
        "name": "x", "text": "en-1", "figures": "en-1", "bootstrap": 10,
        "corpora": [{"name": "c", "manifest": "c.jsonl"}],
        "systems": [{"kind": "command", "name": each, "command": "x {audio}"} for each in ("one", "other")],
    }  # fmt: skip
    benchmark = benchmark_of(tree, "here")
    references = {"c": [said(0, "ENTER ONE", "s"), said(1, "P I T", "t")]}
    answers = {
        ("one", "c"): Answers([heard(0, "Enter 1."), heard(1, "P-I-T.")]),
        ("other", "c"): Answers([heard(0, "Enter, won!"), heard(1, "Pit")]),
    }
    cells, pairs = evaluate(benchmark, references, answers)
    assert [(cell.system, cell.score.wer) for cell in cells] == [("one", 0.0), ("other", 4 / 5)]
    assert cells[0].wer_interval_95_speakers is None
    assert [(pair.first, pair.second, pair.difference) for pair in pairs] == [("one", "other", 4 / 5)]


def test_interval_over_speakers() -> None:
    """Five speakers, one of whom is always wrong: resampled speakers have 0 to 5 of his words among 5."""
    tree = {
        "name": "x", "text": "plain-1", "bootstrap": 500,
        "corpora": [{"name": "c", "manifest": "c.jsonl"}],
        "systems": [{"kind": "command", "name": "one", "command": "x {audio}"}],
    }  # fmt: skip
    references = {"c": [said(number, "a", f"s{number % 5}") for number in range(50)]}
    lines = [heard(number, "b" if number % 5 == 0 else "a") for number in range(50)]
    (cell,), pairs = evaluate(benchmark_of(tree, "here"), references, {("one", "c"): Answers(lines)})
    assert pairs == []
    over = cell.wer_interval_95_speakers
    assert over is not None
    assert over == pytest.approx((0.0, 0.6), abs=0.21)
    low, high = cell.score.wer_interval_95
    assert over[1] - over[0] > 1.5 * (high - low)


SPEC = {
    "name": "x", "text": "plain-1", "bootstrap": 100,
    "corpora": [{"name": "c", "manifest": "c.jsonl"}],
    "systems": [{"kind": "command", "name": each, "command": "x {audio}"} for each in ("one", "twin", "mute")],
}  # fmt: skip


@pytest.mark.parametrize("speakers", [1, 40])
def test_twins_share_all_and_who_fails_everywhere_is_last(speakers: int) -> None:
    """Also with references in which nothing is said: a word there is an insertion."""
    references = {"c": [said(n, "" if n % 4 == 0 else "a", f"s{n % speakers}") for n in range(40)]}
    lines = [heard(n, "a") for n in range(40)]
    mute = [Answered(f"u{n}", f"{n:064x}", failed="status 1") for n in range(40)]
    answers = {("one", "c"): Answers(lines), ("twin", "c"): Answers(lines), ("mute", "c"): Answers(mute)}
    cells, pairs = evaluate(benchmark_of(SPEC, "here"), references, answers)
    assert [(cell.system, cell.rank, cell.letters) for cell in cells] == [
        ("one", 1, "a"),
        ("twin", 1, "a"),
        ("mute", 3, "b"),
    ]
    assert [(cell.score.wer, cell.score.words.insertions) for cell in cells] == [
        (1 / 3, 10),
        (1 / 3, 10),
        (1.0, 0),
    ]
    assert (cells[2].speed, len(cells[2].failed)) == (None, 40)
    same = pairs[0]
    assert (same.difference, same.p, same.p_holm, same.different) == (0.0, 1.0, 1.0, False)
    assert same.interval_95[0] < 0 < same.interval_95[1]
    if speakers == 1:
        assert {pair.unit for pair in pairs} == {"utterances"}
        assert cells[0].wer_interval_95_speakers is None


def test_lines_come_back(tmp_path: Path) -> None:
    lines = [heard(0, "a\u2028b\nc"), FAILED]
    digest = write_lines(tmp_path / "x.jsonl", lines)
    assert len(digest) == 64
    assert read_lines(tmp_path / "x.jsonl", Answered) == lines
    (tmp_path / "x.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(BenchmarkError, match=r"x.jsonl:1: no line of this file"):
        read_lines(tmp_path / "x.jsonl", Answered)
    tree = {"id": "u", "speaker": "", "seconds": True, "sample_rate": 8000, "audio": "", "text": ""}
    (tmp_path / "x.jsonl").write_text(json.dumps(tree) + "\n")
    with pytest.raises(BenchmarkError, match=r"x.jsonl:1: key seconds: expected float, found True"):
        read_lines(tmp_path / "x.jsonl", Reference)
    with pytest.raises(BenchmarkError, match="not a readable file"):
        read_lines(tmp_path / "y.jsonl", Reference)
    with pytest.raises(BenchmarkError, match="such as u0"):
        same_utterances([said(0)], [heard(1)], "x")


def test_answers_are_kept_and_a_torn_line_is_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.jsonl"
    with AnswerCache(path) as answers:
        assert answers.sessions == 0
        answers.add(heard(0, "caf\u00e9\u2028\u0085"))
    with path.open("a") as stream:
        stream.write('{"id": "bbbb", "te')
    with AnswerCache(path) as answers:
        assert list(answers.by_audio.values()) == [heard(0, "caf\u00e9\u2028\u0085")]
        assert answers.sessions == 1
    assert path.read_text().count("\n") == 1
    with AnswerCache(path, fresh=True) as answers:
        assert answers.by_audio == {}


def test_a_full_disk_tears_no_line(tmp_path: Path) -> None:
    """A file that may have so many bytes takes some of the line, then nothing: that is one error, and goes again."""
    path = tmp_path / "x.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with AnswerCache(path) as answers:
        answers.add(heard(0))
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
            with pytest.raises(
                BenchmarkError, match=r"x.jsonl: cannot be written: .*what was heard before is kept"
            ):
                answers.add(heard(1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        answers.add(heard(2))
    with AnswerCache(path) as answers:
        assert list(answers.by_audio.values()) == [heard(0), heard(2)]


def test_answers_are_held_by_one_process(tmp_path: Path) -> None:
    with (
        AnswerCache(tmp_path / "x.jsonl"),
        pytest.raises(BenchmarkError, match="another process is hearing with this system"),
    ):
        AnswerCache(tmp_path / "x.jsonl")


def test_a_strange_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"audio": 1}\n')
    with pytest.raises(BenchmarkError, match=r"x.jsonl:1: no line of this file .*--fresh"):
        AnswerCache(tmp_path / "x.jsonl")


def test_identity_is_of_all_that_decides() -> None:
    """Also of how many utterances are heard at once, as that decides how long each takes."""
    one = identity_digest({"a": 1}, 1, 1)
    assert one == identity_digest({"a": 1}, 1, 1)
    others = [
        identity_digest({"a": 2}, 1, 1),
        identity_digest({"a": 1}, 2, 1),
        identity_digest({"a": 1}, 1, 2),
    ]
    assert len({one, *others}) == 4
