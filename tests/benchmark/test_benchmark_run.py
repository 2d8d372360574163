"""Whole benchmarks of systems that are shell commands: right, wrong, broken, too slow, killed, changed."""

import json
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from benchmarked import TEXTS, calls, is_alive, run, wait_for, write_corpus, write_script, write_spec

from asr.benchmark import hearing
from asr.benchmark import run as running
from asr.benchmark.errors import BenchmarkError
from asr.benchmark.process_tree import descendants
from asr.benchmark.record import BenchmarkRecord, Cell
from asr.benchmark.run import Options, run_benchmark
from asr.benchmark.verify import verify_benchmark
from asr.cli.main import main


def cell(record: BenchmarkRecord, system: str) -> Cell:
    return next(each for each in record.cells if each.system == system)


def test_counts_by_hand(whole: tuple[Path, BenchmarkRecord]) -> None:
    _, record = whole
    assert sum(len(text.split()) for text in TEXTS) == 11
    right, first, fails = (cell(record, name) for name in ("right", "first", "fails"))
    assert (right.score.wer, right.score.cer, right.failed) == (0.0, 0.0, [])
    assert first.score.wer == 5 / 11
    assert first.score.words.model_dump() == {
        "hits": 6, "substitutions": 0, "deletions": 5, "insertions": 0, "reference_length": 11,
    }  # fmt: skip
    assert (first.score.sentences, first.score.wrong_sentences) == (6, 4)
    assert fails.score.wer == 1 / 11
    assert [each.id for each in fails.failed] == ["u3"]
    assert "3" in fails.failed[0].reason
    assert record.cells[0].system == "right"
    assert {each.rank for each in record.cells} == {1}  # six utterances show nothing beyond doubt
    assert [pair.different for pair in record.pairs] == [False] * 3


def test_who_cannot_be_started_is_named(whole: tuple[Path, BenchmarkRecord]) -> None:
    folder, record = whole
    absent = next(system for system in record.systems if system.name == "absent")
    assert "no-such-program-anywhere" in absent.error
    assert not any(each.system == "absent" for each in record.cells)
    table = (folder / "out" / "table.md").read_text(encoding="utf-8")
    assert re.search(r"^- absent: NO RESULT: .*no-such-program-anywhere", table, re.MULTILINE)
    assert "| absent | none |" in table
    assert r"- right: knows \| all" in table


def test_time_memory_and_audio(whole: tuple[Path, BenchmarkRecord]) -> None:
    folder, record = whole
    first, right = cell(record, "first").speed, cell(record, "right").speed
    assert first is not None and right is not None
    assert first.utterances == 6
    assert first.audio == pytest.approx(record.corpora[0].seconds, abs=1e-3)
    assert first.real_time_factor == pytest.approx(first.hearing / first.audio)
    assert 0 < first.median <= first.p99 < first.hearing
    assert first.cpu_factor is not None
    assert right.cpu_factor is None  # two at once: nobody knows whose it was
    assert [system.starts for system in record.systems] == [1, 1, 0, 1]
    wavs = list((folder / "cache" / "benchmark" / "audio").rglob("*.wav"))
    assert len(wavs) == 6
    assert all(path.read_bytes()[:4] == b"RIFF" for path in wavs)


def test_again_nothing_is_heard_and_everything_is_the_same(whole: tuple[Path, BenchmarkRecord]) -> None:
    folder, before = whole
    heard = calls(folder)
    after = run(folder, folder / "spec.toml")
    # The one without an answer is asked once more, after a first one that does not count.
    assert calls(folder) == heard + 2
    assert after.cells == before.cells
    assert after.pairs == before.pairs
    assert [c.sha256 for c in after.corpora] == [c.sha256 for c in before.corpora]


def test_the_page_is_whole(whole: tuple[Path, BenchmarkRecord]) -> None:
    folder, _ = whole
    page = (folder / "out" / "page.html").read_text(encoding="utf-8")
    assert "Errors side by side" in page
    assert "No difference beyond doubt" in page and "Rank 1" not in page  # all three share it: nobody has won
    assert "src=" not in page and "<script" not in page
    assert not re.search(r"https?://(?!www\.w3\.org)", page)
    assert str(folder) not in page


def test_nothing_of_this_machine_is_in_the_outcome(whole: tuple[Path, BenchmarkRecord]) -> None:
    folder, _ = whole
    for path in (folder / "out").rglob("*.*"):
        assert str(folder) not in path.read_text(encoding="utf-8"), path.name


def test_a_changed_system_hears_again(tmp_path: Path) -> None:
    said = write_corpus(tmp_path)
    right = write_script(tmp_path, "right", {size: f"echo {text}" for size, text in said.items()})
    run(tmp_path, write_spec(tmp_path, [{"name": "x", "command": right}]))
    assert calls(tmp_path) == 7  # one does not count
    run(tmp_path, write_spec(tmp_path, [{"name": "other name", "command": right, "note": "new"}]))
    assert calls(tmp_path) == 7
    write_script(tmp_path, "right", {size: f"echo {text} GO" for size, text in said.items()})
    record = run(tmp_path, tmp_path / "spec.toml")
    assert calls(tmp_path) == 14
    assert cell(record, "other name").score.words.insertions == 6
    run(tmp_path, tmp_path / "spec.toml", fresh=True)
    assert calls(tmp_path) == 21


def test_crashes_and_hangs_are_named_and_the_rest_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file kills the process that hears; one stops it for good."""
    monkeypatch.setattr(hearing, "GRACE", 0.3)
    said = write_corpus(tmp_path)
    does = {size: f"echo {text}" for size, text in said.items()}
    does |= {size: "kill -9 $PPID" for size, text in said.items() if text == "YES"}
    does |= {size: "kill -STOP $PPID; sleep 60" for size, text in said.items() if text == "ONE YES"}
    spec = write_spec(
        tmp_path, [{"name": "x", "command": write_script(tmp_path, "breaks", does), "timeout": 3.0}]
    )
    record = run(tmp_path, spec)
    failed = {each.id: each.reason for each in cell(record, "x").failed}
    assert failed.keys() == {"u3", "u4"}
    assert failed["u3"].startswith("killed by SIGKILL")
    assert failed["u4"] == "no answer in 3 s"
    assert cell(record, "x").score.wer == 3 / 11
    assert verify_benchmark(tmp_path / "out").verdict == "verified"


def test_whoever_crashes_on_everything_is_not_asked_for_ever(tmp_path: Path) -> None:
    said = write_corpus(tmp_path)
    command = write_script(tmp_path, "breaks", dict.fromkeys(said, "kill -9 $PPID"))
    record = run(tmp_path, write_spec(tmp_path, [{"name": "x", "command": command}]))
    reasons = [each.reason for each in cell(record, "x").failed]
    assert [reason.startswith("killed") for reason in reasons] == [True] * 3 + [False] * 3
    assert reasons[3:] == ["not asked, as 3 in a row had no answer"] * 3
    assert (cell(record, "x").score.wer, cell(record, "x").speed) == (1.0, None)


def test_a_crash_among_several_at_once_is_laid_at_the_right_door(tmp_path: Path) -> None:
    said = write_corpus(tmp_path)
    does = {size: f"sleep 0.1; echo {text}" for size, text in said.items()}
    does |= {size: "kill -9 $PPID" for size, text in said.items() if text == "YES"}
    command = write_script(tmp_path, "breaks", does)
    record = run(tmp_path, write_spec(tmp_path, [{"name": "x", "command": command, "at_once": 3}]))
    assert [each.id for each in cell(record, "x").failed] == ["u3"]


def _answers(folder: Path) -> list[str]:
    paths = list((folder / "cache" / "benchmark" / "answers").glob("*.jsonl"))
    return paths[0].read_text(encoding="utf-8").splitlines() if paths else []


def test_stopped_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    """Killed after the first answer, interrupted after the next: nothing is left running, nothing is heard twice."""
    said = write_corpus(tmp_path)
    may = tmp_path / "may"  # be called so often; who comes after waits for its end
    does = {
        size: f"[ $(wc -l < calls) -le $(cat may) ] || sleep 60; echo {text}" for size, text in said.items()
    }
    spec = write_spec(tmp_path, [{"name": "x", "command": write_script(tmp_path, "slow", does)}])
    command = [sys.executable, "-m", "asr.cli.main", "benchmark", spec]
    command += ["--cache", tmp_path / "cache", "--out", tmp_path / "out"]
    for how in (signal.SIGKILL, signal.SIGINT):
        before = len(_answers(tmp_path))
        may.write_text(str(calls(tmp_path) + 3))  # one that does not count, and two
        # A shell that starts tests in the background has them ignore Ctrl-C.
        heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        begun = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=heeding)
        wait_for(lambda before=before: len(_answers(tmp_path)) > before)
        below = descendants(begun.pid)
        begun.send_signal(how)
        _, printed = begun.communicate(timeout=200)
        assert begun.returncode == (130 if how == signal.SIGINT else -9)
        assert (b"the same command goes on" in printed) == (how == signal.SIGINT)
        assert b"Traceback" not in printed
        assert below
        wait_for(lambda below=below: not any(map(is_alive, below)))
        assert not (tmp_path / "out").exists()
    kept, heard = len(_answers(tmp_path)), calls(tmp_path)
    may.write_text("1000")
    record = run(tmp_path, spec)
    assert 2 <= kept < 6
    assert calls(tmp_path) == heard + (6 - kept) + 1
    assert cell(record, "x").score.wer == 0
    assert record.systems[0].starts == 3


def test_killed_while_it_writes_the_folder_says_so_and_is_written_again(
    whole: tuple[Path, BenchmarkRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each file: of a first outcome, then of another in its place."""
    folder, before = whole
    out = tmp_path / "out"
    options = Options(cache=folder / "cache", out=out)
    monkeypatch.setattr(running, "hear_all", lambda spec, *_, **__: hearing.HeardAll(spec, error="not asked"))
    for last in ("write_lines", "markdown", "page", "write_record"):

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(running, last, killed)
            run_benchmark(folder / "spec.toml", options)
        with pytest.raises(BenchmarkError, match="was not written to its end; the same `asr benchmark`"):
            verify_benchmark(out)
        if last == "page":
            run_benchmark(folder / "spec.toml", options)
            assert verify_benchmark(out).verdict == "verified"
    record, _ = run_benchmark(folder / "spec.toml", options)
    assert [c.sha256 for c in record.corpora] == [c.sha256 for c in before.corpora]
    assert verify_benchmark(out).verdict == "verified"


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = write_corpus(tmp_path)
    right = write_script(tmp_path, "right", {size: f"echo {text}" for size, text in said.items()})
    spec = write_spec(tmp_path, [{"name": "x", "command": right}])
    where = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    assert main(["benchmark", str(spec), *where]) == 0
    printed = capsys.readouterr()
    assert "0.0%" in printed.out and "tiny: 6 utterances" in printed.out
    assert "x: 6 of 6" in printed.err and "WER 0.0%" in printed.err
    assert main(["benchmark", str(spec), *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "benchmark"
    right = write_script(tmp_path, "right", dict.fromkeys(said, "exit 1"))
    assert main(["benchmark", str(spec), *where]) == 1
    capsys.readouterr()
    assert main(["benchmark", str(spec), *where, "--corpus", "other=x"]) == 1
    assert "no such corpus here; there are tiny" in capsys.readouterr().err
    assert main(["benchmark", str(spec), *where, "--corpus", "tiny"]) == 1
    assert "expected NAME=PATH" in capsys.readouterr().err


def test_another_folder_is_not_written_over(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    spec = write_spec(tmp_path, [{"name": "x", "command": "echo {audio}"}])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(BenchmarkError, match="holds something that is no benchmark"):
        run(tmp_path, spec)
    (tmp_path / "out" / "mine.txt").unlink()
    run(tmp_path, spec)
    spec.write_text(spec.read_text().replace('name = "tiny"\ntext', 'name = "huge"\ntext'))
    with pytest.raises(BenchmarkError, match="holds the benchmark 'tiny', not 'huge'"):
        run(tmp_path, spec)


def test_texts_in_figures_are_refused_before_anything_is_heard(tmp_path: Path) -> None:
    write_corpus(tmp_path, ("GO", "ROOM 101"))
    spec = write_spec(tmp_path, [{"name": "x", "command": "touch heard {audio}"}], figures="en-1")
    with pytest.raises(Exception, match="tiny: utterance u1: its text has the figure '101'"):
        run(tmp_path, spec)
    assert not (tmp_path / "heard").exists()
