"""The command line as a user meets it: a process, its output and its exit status."""

import os
import subprocess
import sys

import pytest

from asr.cli.main import COMMANDS, main
from asr.errors import AudioError

HEAVY = ("torch", "numpy", "pydantic", "soundfile", "soxr", "jiwer", "sentencepiece", "rich")


def test_help_loads_nothing_heavy() -> None:
    """`asr --help` must answer in a third of a second; modules are counted, since seconds depend on the machine."""
    code = (
        "import sys\n"
        "from asr.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        f"print('loaded:', *(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=200
    )
    assert done.stdout.splitlines()[-1] == "loaded:"
    assert all(command.NAME in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", [command.NAME for command in COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: asr {command}")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("attest-asr 0.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["run"], "the following arguments are required: recipe"),
        (["run", "x.toml", "--workers", "0"], "a whole number, 1 or more, got"),
        (["transcribe", "x.wav"], "the following arguments are required: --model"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["run", "no/such.toml"],
            "asr: no/such.toml: no such recipe; `ls recipes/` shows those of the project",
        ),
        (["show", "no/such/run"], "asr: no/such/run: no run here (no record.json)"),
        (["transcribe", "x.wav", "--model", "no/such"], "asr: no/such: no model here (no model.json)"),
    ],
)
def test_an_error_of_the_users_is_one_line_and_ends_with_1(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "OMP_NUM_THREADS", "1"
    )  # set by the commands themselves: put back when the test is over
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(expected)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def _raise(error: BaseException) -> int:
    raise error


def test_interrupted_is_130_as_shells_say_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("asr.cli.show.call", lambda options: _raise(KeyboardInterrupt()))
    assert main(["show", "run"]) == 130
    assert capsys.readouterr().err == "asr: interrupted\n"


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.cli.show.call", lambda options: _raise(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["show", "run"])


def test_our_own_errors_do_not(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("asr.cli.show.call", lambda options: _raise(AudioError("a.wav: what is wrong")))
    assert main(["show", "run"]) == 1
    assert capsys.readouterr().err == "asr: a.wav: what is wrong\n"


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    """`asr show RUN | head`: a write to a pipe that nobody reads from any more."""
    code = (
        "import sys\nfrom asr.cli import show\nfrom asr.cli.main import main\n"
        "show.call = lambda options: print('x' * 1_000_000)\n"
        "sys.exit(main(['show', 'run']))"
    )
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=200
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, "")
