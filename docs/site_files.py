"""Pages as the documentation site has them, and what it takes from outside docs/: a hook of MkDocs, see mkdocs.yml.

Pages link to files of the repository as a reader of the source tree needs it (`../asr/philox.py`). Of the site docs/ is
the root, so whatever pages link to is taken along under its path in the repository, and the links are changed to match.
Code becomes a page, since browsers would store it rather than show it.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HOME = ROOT / "README.md"  # of the source tree; the site has docs/index.md instead
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
# What a line of a shell begins with; an indented block whose first line begins otherwise is something else.
PROGRAMS = ("asr", "cat", "curl", "find", "make", "openssl", "pip", "python", "python3", "source", "torchrun")
COMMANDS = re.compile(
    rf"(?:(?<=\n\n)|^)(?: {{4}}(?:[A-Z_]+=\S* )*(?:{'|'.join(PROGRAMS)}) .*\n)(?: {{4}}.*\n| *\n(?= {{4}}))*"
)
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def place(path: Path) -> str:
    """Where a file of the repository is on the site: docs/ is its root, all else keeps its path."""
    if path == HOME:
        return "index.md"
    name = path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT).as_posix()
    return f"{name}.md" if path.suffix == ".py" else name


def links(page: Path) -> Iterator[tuple[str, Path]]:
    """Each link of a page to a file of the repository, as it is written and as an absolute path."""
    yield from links_in(page, page.read_text(encoding="utf-8"))


def links_in(page: Path, markdown: str) -> Iterator[tuple[str, Path]]:
    for target in (match[2] for match in LINK.finditer(CODE.sub("", markdown))):
        if "://" not in target and (path := (page.parent / target).resolve()).is_relative_to(ROOT):
            yield target, path


def outside(pages: Iterable[Path]) -> list[Path]:
    """Files outside docs/ that pages link to, and what the pages among these link to, in a fixed order."""
    found: set[Path] = set()
    waiting = list(pages)
    while waiting:
        for _, path in links(waiting.pop()):
            if path != HOME and not path.is_relative_to(DOCS) and path.is_file() and path not in found:
                found.add(path)
                waiting += [path] * (path.suffix == ".md")
    return sorted(found)


def rewritten(page: Path, markdown: str) -> str:
    """Text of a page with its links as they are on the site."""
    changed = {}
    for target, path in links_in(page, markdown):
        there = os.path.relpath(place(path), Path(place(page)).parent)
        if path.is_file() and there != os.path.normpath(target):
            changed[target] = quote(there)
    return LINK.sub(lambda match: match[1] + changed.get(match[2], match[2]) + match[3], markdown)


def anchor(heading: str, separator: str = "-") -> str:
    """The name of a heading in links, as GitHub makes it: links work there and here."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def on_config(config: Any) -> Any:
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor
    return config


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for path in outside(sorted(DOCS.rglob("*.md"))):
        code = {"content": _shown(path)} if path.suffix == ".py" else {"abs_src_path": str(path)}
        files.append(File.generated(config, place(path), **code))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    source = page.file.abs_src_path
    return coloured(rewritten(Path(source), markdown)) if source else markdown


def coloured(markdown: str) -> str:
    """Indented blocks of commands as fenced ones, which are coloured, and wrapped where they are too wide."""

    def fenced(block: re.Match[str]) -> str:
        return "```sh\n" + re.sub(r"^ {4}", "", block[0].rstrip(), flags=re.MULTILINE) + "\n```\n"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if odd % 2 else _unbroken(COMMANDS.sub(fenced, part)) for odd, part in enumerate(parts)
    )


def _unbroken(markdown: str) -> str:
    """No line and no cell of a table ends between a number and its %."""
    return re.sub(r"(?<=\d) %", "\u00a0%", markdown)


def _shown(path: Path) -> str:
    """A page of code, which the search leaves out."""
    heading = f"---\nsearch:\n  exclude: true\n---\n\n# `{path.relative_to(ROOT).as_posix()}`\n\n"
    return f"{heading}````python\n{path.read_text(encoding='utf-8')}````\n"
