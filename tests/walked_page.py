"""A page of the documentation that is walked through: its files written, its commands run, their output compared.

A block `toml title="mine.toml"` is written to that file. In a block `console`, lines after `$ ` are run one after the
other, by a shell, in one folder; the others are what the command before them prints on standard output:

- `...` alone stands for any lines, or none; within a line for any part of it, or none;
- a number with a decimal point is one of this or another machine (a time, a rate), and so is a digest: any other of its
  kind will do. Whole numbers are compared;
- blanks at the end of a line do not count.

The exit status is 0, unless a comment before the block says `<!-- exit status 1 -->`. Nothing on standard error counts.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from documentation import Block, blocks

DECIMAL = r"\d+\.\d+"
DIGEST = r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b"
SECONDS = 1_800  # for one command, the machine may be busy


@dataclass(frozen=True)
class Command:
    line: str
    printed: str  # what the page says
    status: int
    where: str


def commands(block: Block, page: str) -> Iterator[Command]:
    """Of a block `console`."""
    status = re.fullmatch(r"exit status (\d+)", block.comment)
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, printed = part.partition("\n")
        yield Command(line, printed.rstrip("\n"), int(status[1]) if status else 0, f"{page}:{block.line}")


def pattern(printed: str) -> str:
    """The regular expression of an output, by the rules above."""
    lines = [line.rstrip() for line in printed.split("\n")] if printed else []
    return "".join(r"(?:.*\n)*?" if line == "..." else f"{_line(line)}\n" for line in lines)


def _line(line: str) -> str:
    parts = re.split(rf"(\.\.\.|{DECIMAL}|{DIGEST})", line)
    kinds = {"...": ".*"}
    return "".join(
        kinds.get(part) or (DECIMAL if re.fullmatch(DECIMAL, part) else r"[0-9a-f]+")
        if odd % 2
        else re.escape(part)
        for odd, part in enumerate(parts)
    )


def agrees(expected: str, printed: str) -> bool:
    found = "".join(line.rstrip() + "\n" for line in printed.splitlines())
    return re.fullmatch(pattern(expected), found) is not None


def steps(page: Path, folder: Path) -> Iterator[Command]:
    """The commands of a page, in order; what the page shows as files before one of them is in the folder by then."""
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text + "\n", encoding="utf-8")
        elif block.language == "console":
            yield from commands(block, page.name)


def walk(page: Path, folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Does all that the page says, in a folder; asserts that every command ends and prints as it should.

    Returns:
        What each command printed on standard output.
    """
    return {command.line: _run(command, folder, environment) for command in steps(page, folder)}


def _run(command: Command, folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-c", command.line],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    told = f"{command.where}: {command.line}\nexit status {done.returncode}\n{done.stdout}\n{done.stderr[-2000:]}"
    assert done.returncode == command.status, told
    assert agrees(command.printed, done.stdout), f"the page says:\n{command.printed}\n\n{told}"
    return done.stdout
