"""A command as a system, by a real program that is run: well behaved, and in all the ways in which it may not be."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from benchmarked import is_alive, wait_for
from pydantic import ValidationError

from asr.benchmark.errors import HearingError
from asr.benchmark.systems.command import CommandSpec, CommandSystem

PROGRAM = Path(__file__).with_name("recogniser.py")
# A shell, as an interpreter may need a second to start where much else runs.
HANGS = 'echo started; echo waiting for a licence >&2; sleep 60 & echo $$ $! > "$1"; wait'


def system(how: str, *arguments: str, folder: Path = Path(), **keys: Any) -> CommandSystem:
    given = arguments or (() if keys.get("input") == "lines" else ("{audio}",))
    tree = {"name": "it", "kind": "command", "command": (sys.executable, str(PROGRAM), how, *given)}
    return CommandSpec.model_validate({"timeout": 20.0} | tree | keys).system(folder)


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return sound(tmp_path, "müde, a {output} $(touch x) 'b.wav")


def sound(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(b"RIFF")
    return path


def test_what_it_says_is_the_text(wav: Path) -> None:
    heard = system("says")
    heard.open()
    answer = heard.hear(wav)
    assert answer.text == f"{wav.name} grüß dich"
    assert 0 < answer.seconds < 20


def test_a_shell_takes_part_only_if_it_is_asked_for(wav: Path, tmp_path: Path) -> None:
    line = f"{sys.executable} {PROGRAM} says {{audio}} | tr a-z A-Z; cat missing 2>&1"
    split = CommandSpec(name="it", kind="command", command=line)
    with_shell = CommandSpec(name="it", kind="command", command=f"{line} | cat", shell=True)
    assert "tr a-z" not in split.system(tmp_path).hear(wav).text
    text = with_shell.system(tmp_path).hear(wav).text
    assert "{OUTPUT} $(TOUCH X) 'B.WAV" in text
    assert "missing" in text
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("results.1.best.text", "{}"), ("results.*.best.text", "a {}"), ("results.-2.best.text", "a")],
)
def test_the_text_is_found_in_json(path: str, expected: str, wav: Path) -> None:
    assert system("json", json_path=path).hear(wav).text == expected.format(wav.name).replace("{}", wav.name)


def test_the_text_is_found_by_an_expression(wav: Path) -> None:
    assert system("says", pattern="gr(.*)$").hear(wav).text == "üß dich"
    assert system("says", pattern="gr|ß").hear(wav).text == "gr ß"


@pytest.mark.parametrize(("how", "text"), [("writes", "written "), ("writes-beside", "beside ")])
def test_the_text_is_read_from_what_it_writes(how: str, text: str, wav: Path) -> None:
    heard = system(how, "{audio}", "{output}")
    assert [heard.hear(wav).text for _ in range(2)] == [text + wav.name] * 2


def test_it_works_in_the_benchmarks_folder_with_an_empty_input(wav: Path, tmp_path: Path) -> None:
    assert system("env", folder=tmp_path).hear(wav).text == str(tmp_path.resolve())


@pytest.mark.parametrize(
    ("how", "keys", "message"),
    [
        ("fails", {}, "exit status 3: second / third / out of memory$"),
        ("crashes", {}, "killed by SIGABRT"),
        ("latin", {}, r"no UTF-8 \(.*\): 'gr"),
        ("endless", {}, "more than 16 MB"),
        ("says", {"json_path": "text"}, "no JSON .*grüß"),
        ("json", {"json_path": "number"}, "number in the answer is no text: '7'"),
        ("json", {"json_path": "results.2.best"}, "no '2' in the answer"),
        ("says", {"pattern": "TEXT: (.*)"}, r"nothing in the answer fits TEXT: \(\.\*\)"),
    ],
)
def test_no_answer_says_what_was_there(how: str, keys: dict[str, Any], message: str, wav: Path) -> None:
    with pytest.raises(HearingError, match=message):
        system(how, **keys).hear(wav)


def test_nothing_written_is_no_answer(wav: Path) -> None:
    with pytest.raises(HearingError, match=r"wrote nothing to \{output\}; .*very slow"):
        system("says", "{audio}", "--to={output}").hear(wav)


def test_what_hangs_is_ended_with_all_that_it_started(wav: Path, tmp_path: Path) -> None:
    hangs = ("sh", "-c", HANGS, "{audio}", str(tmp_path / "ids"))
    heard = CommandSpec(name="it", kind="command", command=hangs, timeout=1.5).system(tmp_path)
    begun = time.monotonic()
    with pytest.raises(HearingError, match=r"no end after 1\.5 s: waiting for a licence"):
        heard.hear(wav)
    assert time.monotonic() - begun < 30
    started = [int(each) for each in (tmp_path / "ids").read_text().split()]
    assert len(started) == 2
    wait_for(lambda: not any(map(is_alive, started)))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("no-such-program-here", "{audio}"), "no-such-program-here: no such program"),
        (("./missing.sh", "{audio}"), "missing.sh: no such program"),
        (("./plain.txt", "{audio}"), "plain.txt: may not be executed"),
    ],
)
def test_a_program_that_cannot_be_started_is_named(
    command: tuple[str, ...], message: str, tmp_path: Path, wav: Path
) -> None:
    (tmp_path / "plain.txt").write_text("no program")
    made = CommandSpec(name="it", kind="command", command=command).system(tmp_path)
    for ask in (made.open, made.identity, lambda: made.hear(wav)):
        with pytest.raises(HearingError, match=message):
            ask()


def test_several_may_be_heard_at_once(wav: Path) -> None:
    heard = system("says")
    assert heard.concurrent
    with ThreadPoolExecutor(2) as pool:
        assert len({each.text for each in pool.map(heard.hear, [wav, wav])}) == 1


def test_line_by_line_it_is_started_once(tmp_path: Path) -> None:
    heard = system("lines", input="lines", pattern="{audio}\t(.*)")
    assert not heard.concurrent
    heard.open()
    files = [sound(tmp_path, name) for name in ("ä b.wav", "c.wav", "ä b.wav")]
    assert [heard.hear(file).text for file in files] == ["1 ä b.wav", "2 c.wav", "3 ä b.wav"]
    heard.close()


def test_line_by_line_it_is_asked_when_it_is_ready(tmp_path: Path) -> None:
    heard = system("lines-banner", input="lines", pattern="\t(.*)", ready="^ready")
    heard.open()
    assert heard.hear(sound(tmp_path, "a.wav")).text == "1 a.wav"
    heard.close()


def test_what_it_says_unasked_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    heard = system("lines-banner", input="lines")
    heard.open()
    assert heard._program is not None
    wait_for(lambda: heard._program.unasked().count(b"\n") == 2)
    with pytest.raises(HearingError, match="said 'loading.nready to go.n' unasked"):
        heard.hear(sound(tmp_path, "a.wav"))
    two = system("lines-two", input="lines", pattern="{audio}\t(.*)")
    two.open()
    assert two.hear(sound(tmp_path, "bad.wav")).text == "first half"
    with pytest.raises(HearingError, match="unasked|nothing in the answer fits"):
        two.hear(sound(tmp_path, "next.wav"))
    assert two.hear(sound(tmp_path, "next.wav")).text == "1 next.wav"  # by a new process
    two.close()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("lines-crash", "exit status 4: cannot read it"),
        ("lines-hang", "no line in 1 s"),
        ("lines-at-end", "must not wait for the end of its input"),
    ],
)
def test_line_by_line_a_bad_file_does_not_spoil_the_next(how: str, message: str, tmp_path: Path) -> None:
    # What it takes to start, each time, is not among the second.
    heard = system(how, "--ready", input="lines", ready="^ready", pattern="{audio}\t(.*)", timeout=1.0)
    heard.open()
    if how != "lines-at-end":
        assert heard.hear(sound(tmp_path, "a.wav")).text == "1 a.wav"
    with pytest.raises(HearingError, match=message):
        heard.hear(sound(tmp_path, "bad.wav"))
    if how != "lines-at-end":
        assert heard.hear(sound(tmp_path, "c.wav")).text == "1 c.wav"
    heard.close()


def test_one_that_is_never_ready_says_so() -> None:
    for how, seconds, message in (
        ("says", 60.0, "ended before it was ready, exit status 0"),
        ("lines", 1.0, "no line that ready"),
    ):
        heard = system(how, input="lines", ready="nie", start_timeout=seconds)
        with pytest.raises(HearingError, match=message):
            heard.open()
        heard.close()


def test_identity_names_what_decides_and_no_place(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"1")
    command = (
        sys.executable,
        str(PROGRAM),
        "says",
        f"--model={tmp_path / 'model'}",
        "--in",
        "{audio}",
        str(tmp_path),
    )

    def identity(**keys: Any) -> dict[str, Any]:
        made = CommandSpec(name="it", kind="command", command=command, **keys)
        return made.system(tmp_path).identity()

    first = identity()
    assert str(tmp_path.parent) not in str(first)
    assert str(PROGRAM.parent) not in str(first)
    assert first["command"][1:] == [
        "recogniser.py",
        "says",
        "--model=model",
        "--in",
        "{audio}",
        tmp_path.name,
    ]
    assert {"recogniser.py", "model"} < set(first["files"])
    assert tmp_path.name not in first["files"]
    assert identity() == first
    (tmp_path / "model" / "weights.bin").write_bytes(b"2")
    assert identity() != first
    given = identity(files=("model/weights.bin",), version="7")
    assert set(given["files"]) == {"weights.bin", Path(sys.executable).name}
    assert given["version"] == "7"


def test_a_version_is_what_the_command_says() -> None:
    asks = (sys.executable, "--version")
    version = f"Python {sys.version.split()[0]}"
    assert system("says", version_command=asks).identity()["version"] == version
    with pytest.raises(HearingError, match="version_command: exit status 3"):
        system("says", version_command=(sys.executable, str(PROGRAM), "fails")).identity()


def test_size_is_that_of_the_files_that_are_named(tmp_path: Path) -> None:
    sound(tmp_path, "a.bin")
    assert system("says", folder=tmp_path).size() is None
    assert system("says", folder=tmp_path, files=("a.bin", ".")).size() == 8


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"command": " "}, "command is empty"),
        ({"command": ()}, "command"),
        ({"command": "recognise"}, "{audio} in the command is the path"),
        ({"command": "recognise {audio}", "input": "lines"}, "must not be in it"),
        ({"command": "recognise {output}", "input": "lines"}, "answers are lines"),
        ({"command": "recognise 'a {audio}"}, "cannot be split into words"),
        ({"command": ("recognise", "{audio}"), "shell": True}, "takes the command as one string"),
        ({"command": "r {audio}", "ready": "x"}, 'ready is for input = "lines"'),
        ({"command": "r {audio}", "pattern": "("}, "pattern is no regular expression"),
        ({"command": "r {audio}", "pattern": "a", "json_path": "a"}, "not both"),
        ({"command": "r {audio}", "input": "stdin"}, "Input should be"),
    ],
)
def test_keys_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CommandSpec(name="it", kind="command", **keys)
