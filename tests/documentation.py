"""What stands in a page of the documentation: its blocks of code, and the commands in them."""

import functools
import importlib.util
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "benchmarks" / "README.md", ROOT / "data" / "README.md"]
)
by_name = {"ids": lambda path: path.relative_to(ROOT).as_posix()}


def loaded(path: Path) -> ModuleType:
    """A script of docs/, which is no package."""
    specification = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


site_files = loaded(DOCS / "site_files.py")

SHELL = ("bash", "console", "sh")
_FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\s*$')
_COMMENT = re.compile(r"^<!-- (.*) -->$")
_VARIABLE = re.compile(r"^[A-Z_]+=\S*$")


@dataclass(frozen=True)
class Block:
    language: str  # as it says after ```; "" for an indented block
    title: str  # name of the file that it shows
    text: str
    comment: str  # the one directly before it, which readers do not see
    line: int  # of the page, from 1

    @property
    def shell(self) -> bool:
        first = self.text.split("\n", 1)[0].removeprefix("$ ").split()
        named = next((word for word in first if not _VARIABLE.match(word)), "")
        return self.language in SHELL or (not self.language and named in site_files.PROGRAMS)


@functools.cache
def blocks(page: Path) -> tuple[Block, ...]:
    """All blocks of code of a page, in order."""
    lines = page.read_text(encoding="utf-8").split("\n")
    found: list[Block] = []
    at = 0
    while at < len(lines):
        start = at
        if fence := _FENCE.match(lines[at]):
            end = lines.index("```", at + 1)
            language, title = fence[1] or "text", fence[2] or ""
            at, inside = end + 1, lines[start + 1 : end]
        elif lines[at].startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            language, title, inside = "", "", [line[4:] for line in lines[start:at]]
        else:
            at += 1
            continue
        before = next((line for line in reversed(lines[:start]) if line), "")
        comment = _COMMENT.match(before)
        text = "\n".join(inside).rstrip("\n")
        found.append(Block(language, title, text, comment[1] if comment else "", start + 1))
    return tuple(found)


def command_lines(block: Block) -> list[str]:
    """Commands of a block of shell, each in one line. In a `console` they follow `$ `, and the rest is output."""
    lines = re.sub(r"\\\n\s*", "", block.text).split("\n")
    if block.language == "console" or any(line.startswith("$ ") for line in lines):
        return [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def simple_commands(line: str) -> list[list[str]]:
    """Words of each command of a line, without its variables, redirections and comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    skip = False
    for word in lexer:
        if set(word) <= set(";|&"):
            found.append([])
        elif set(word) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        elif found[-1] or not _VARIABLE.match(word):
            found[-1].append(word)
    return [words for words in found if words]


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def inline_commands(page: Path) -> list[str]:
    """Commands of ours within the text: `asr show RUN`."""
    return re.findall(r"`((?:asr|make) [a-z][^`\n]*)`", prose(page))


def headings(page: Path) -> list[str]:
    """As they are written; lines of code that begin with # are none."""
    return re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
