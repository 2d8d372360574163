"""Any command line: started for each file, or once, with a path a line in and an answer a line out.

    [[systems]]
    name = "theirs"
    kind = "command"
    command = ["python3", "recognise.py", "--model", "big.bin", "{audio}"]

    [[systems]]
    name = "ours, by its command"
    kind = "command"
    command = "asr transcribe --model an4 --list -"
    input = "lines"
    pattern = '{audio}\t(.*)'

No shell takes part unless `shell = true`. What starts anew for each file loads its model anew each time, and that
counts; `input = "lines"` does not have it. The command is recorded: a secret belongs into an environment variable.
"""

import re
import shlex
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asr.benchmark.errors import HearingError
from asr.benchmark.program import Program, found_program
from asr.benchmark.system import Answer, Json, SystemSpec
from asr.benchmark.systems.answer_text import text_in
from asr.benchmark.systems.parts import digest_of, size_of

AUDIO, OUTPUT = "{audio}", "{output}"
_VERSION = 60.0  # seconds for the command that says a version
_SAID = 500  # characters of it that are kept


class CommandSpec(SystemSpec):
    """Keys of a command. Its working directory is the folder of the benchmark's file."""

    kind: Literal["command"]
    command: str | Annotated[tuple[str, ...], Field(min_length=1)]  # a line is split as a shell would
    shell: bool = False  # the line is run by sh
    input: Literal["argument", "lines"] = "argument"  # {audio} in the command, or paths on standard input
    ready: str = ""  # lines: the line on standard output after which it can be asked, an expression
    json_path: str = ""  # where the text is, if the answer is JSON: results.0.text, or segments.*.text
    pattern: str = ""  # an expression whose group is the text; {audio} in it is the path
    files: tuple[str, ...] = ()  # files and folders that decide its answers; without it, those in the command
    version: str = ""  # what is recorded as its version
    version_command: tuple[str, ...] = ()  # or a command that says it

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        whole = self.command if isinstance(self.command, str) else " ".join(self.command)
        if not whole.strip():
            raise ValueError("command is empty")
        if self.shell and not isinstance(self.command, str):
            raise ValueError("shell = true takes the command as one string")
        if not self.shell and not self.words():
            raise ValueError("command holds no words")
        if (AUDIO in whole) != (self.input == "argument"):
            raise ValueError(
                f'{AUDIO} in the command is the path of a file; where input = "lines", paths come on standard '
                f"input, and {AUDIO} must not be in it"
            )
        if self.input == "lines" and OUTPUT in whole:
            raise ValueError(f'{OUTPUT} is for input = "argument"; with lines, answers are lines')
        if self.ready and self.input != "lines":
            raise ValueError('ready is for input = "lines"')
        if self.json_path and self.pattern:
            raise ValueError("give json_path or pattern, not both")
        for key in ("pattern", "ready"):
            try:
                re.compile(getattr(self, key).replace(AUDIO, ""))
            except re.error as error:
                raise ValueError(f"{key} is no regular expression: {error}") from None
        return self

    def words(self) -> tuple[str, ...]:
        """Of the command, as it is started without a shell."""
        if not isinstance(self.command, str):
            return self.command
        try:
            return tuple(shlex.split(self.command))
        except ValueError as error:
            raise ValueError(f"command cannot be split into words: {error}") from None

    def system(self, folder: Path) -> "CommandSystem":
        return CommandSystem(self, folder)


class CommandSystem:
    """A command, in processes of its own."""

    inside = False

    def __init__(self, spec: CommandSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._program: Program | None = None  # the one that is asked line by line

    @property
    def concurrent(self) -> bool:
        return self._spec.input == "argument"

    def identity(self) -> dict[str, Json]:
        spec = self._spec
        words = [self._without_place(word) for word in spec.words()]
        parts = self._given() or [path for _, path in words if path is not None]
        if not spec.shell:
            parts.append(Path(found_program(spec.words()[0], self._folder)))
        return {
            "kind": spec.kind,
            "command": [word for word, _ in words],
            "shell": spec.shell,
            "input": spec.input,
            "answer": {"json_path": spec.json_path, "pattern": spec.pattern},
            "files": {path.name: digest_of(path) for path in parts},
            "version": spec.version or self._version(),
        }

    def size(self) -> int | None:
        given = self._given()
        return sum(map(size_of, given)) if given else None

    def open(self) -> None:
        if not self._spec.shell:
            found_program(self._spec.words()[0], self._folder)
        if self._spec.input == "lines":
            self._start()

    def hear(self, path: Path) -> Answer:
        return self._by_line(path) if self._spec.input == "lines" else self._by_argument(path)

    def close(self) -> None:
        if self._program is not None:
            self._program.end()
            self._program = None

    def _by_argument(self, path: Path) -> Answer:
        with tempfile.TemporaryDirectory(prefix="asr-answer-") as folder:
            begun = time.perf_counter()
            output = Path(folder) / "answer"
            program = Program(self._command(path, output), self._folder)
            try:
                said = program.all(time.monotonic() + self._spec.timeout)
                if program.status:
                    raise HearingError(f"{program.name}: {program.how}")
            except TimeoutError:
                last = program.last_words
                raise HearingError(f"{program.name}: no end after {self._spec.timeout:g} s{last}") from None
            finally:
                program.end()
            answer = _written(output, program) if OUTPUT in "".join(self._spec.words()) else said
            return Answer(self._text(answer, path), time.perf_counter() - begun)

    def _by_line(self, path: Path) -> Answer:
        if self._program is None:
            self._start()  # it ended, or had to be
        program = self._program
        assert program is not None
        try:
            if more := program.unasked():
                raise HearingError(
                    f"{program.name}: said {_shown(more)} unasked; expected one line a file, and nothing before the "
                    "first path but what `ready` stands for"
                )
            begun = time.perf_counter()
            program.ask(str(path))
            line = program.line(time.monotonic() + self._spec.timeout)
            seconds = time.perf_counter() - begun
            if line is None:
                raise HearingError(f"{program.name}: {program.how}")
            return Answer(self._text(line, path), seconds)
        except TimeoutError:
            self.close()
            raise HearingError(
                f"{program.name}: no line in {self._spec.timeout:g} s; a program that is asked line by line must not "
                f"wait for the end of its input, nor hold its answers back{program.last_words}"
            ) from None
        except HearingError:
            self.close()  # what it says later would be taken for the answer to another file
            raise

    def _start(self) -> None:
        self._program = program = Program(self._command(), self._folder, asks=True)
        until = time.monotonic() + self._spec.start_timeout
        try:
            while self._spec.ready:
                line = program.line(until)
                if line is None:
                    raise HearingError(f"{program.name}: ended before it was ready, {program.how}")
                if re.search(self._spec.ready, line.decode(errors="replace")):
                    return
        except TimeoutError:
            self.close()
            raise HearingError(
                f"{program.name}: no line that ready = {self._spec.ready!r} fits in {self._spec.start_timeout:g} s"
            ) from None
        except HearingError:
            self.close()
            raise

    def _command(self, path: Path | None = None, output: Path | None = None) -> str | list[str]:
        """With the paths in it."""
        spec, put = self._spec, {AUDIO: str(path or ""), OUTPUT: str(output or "")}

        def filled(text: str, written: Callable[[str], str]) -> str:
            """In one pass, as a path may hold {output}."""
            return re.sub(r"\{audio\}|\{output\}", lambda found: written(put[found[0]]), text)

        if spec.shell:
            assert isinstance(spec.command, str)
            return filled(spec.command, shlex.quote)
        return [filled(word, str) for word in spec.words()]

    def _text(self, answer: bytes, path: Path) -> str:
        pattern = self._spec.pattern.replace(AUDIO, re.escape(str(path)))
        return text_in(answer, json_path=self._spec.json_path, pattern=pattern)

    def _without_place(self, word: str) -> tuple[str, Path | None]:
        """A word for the record, and the file or folder that it names, if it does."""
        option, equals, value = word.rpartition("=")
        path = self._folder / Path(value).expanduser()
        try:
            if not value or not path.exists():
                return word, None
        except OSError:  # too long for a name
            return word, None
        path = path.resolve()
        # A folder around the benchmark is where it works, not what it is made of.
        return f"{option}{equals}{path.name}", None if path in (
            self._folder.resolve(),
            *self._folder.resolve().parents,
        ) else path

    def _given(self) -> list[Path]:
        return [self._folder / Path(each).expanduser() for each in self._spec.files]

    def _version(self) -> str:
        if not self._spec.version_command:
            return ""
        program = Program(self._spec.version_command, self._folder)
        try:
            said = program.all(time.monotonic() + _VERSION).decode(errors="replace").strip()
            if program.status:
                raise HearingError(f"version_command: {program.how}")
            return (said or program.last_words.removeprefix(": "))[:_SAID]
        except TimeoutError:
            raise HearingError(f"version_command: no end after {_VERSION:g} s") from None
        finally:
            program.end()


def _written(output: Path, program: Program) -> bytes:
    """What was written to {output}, or to the same with a suffix, as some programs add one."""
    found = [each for each in output.parent.iterdir() if each.is_file()]
    chosen = output if output in found else found[0] if len(found) == 1 else None
    if chosen is None:
        names = ", ".join(sorted(each.name for each in found))
        there = f"several files ({names})" if found else "nothing"
        raise HearingError(
            f"{program.name}: wrote {there} to {OUTPUT}; expected one file{program.last_words}"
        )
    return chosen.read_bytes()


def _shown(said: bytes) -> str:
    return repr(said.decode(errors="replace")[:80])
