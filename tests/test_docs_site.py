"""The documentation site: every page is in the navigation, every link, anchor and picture is there, and it builds.

`make site` builds it strictly. All but the last test work without MkDocs.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from documentation import DOCS, PAGES, ROOT, by_name, headings, prose, site_files


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    return read


def _navigation(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, list):
                yield from _navigation(value)
            else:
                yield value


def test_every_page_is_in_the_navigation_once(configuration: dict[str, Any]) -> None:
    here = sorted(DOCS.rglob("*.md"))
    taken = [
        path for path in site_files.outside(here) if path.suffix == ".md" and "results" not in path.parts
    ]
    assert sorted(_navigation(configuration["nav"])) == sorted(map(site_files.place, [*here, *taken]))


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_links_lead_somewhere(page: Path) -> None:
    """In the source tree and on the site: files, and headings in them."""
    text = site_files.CODE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        folder = page == site_files.HOME and there.is_dir()  # of the source tree alone
        assert folder or there.is_file(), f"{page.name}: {target}: no such file"
        if anchor:
            assert anchor in _anchors(there), f"{page.name}: {target}: no such heading"


def _anchors(page: Path) -> set[str]:
    written = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings(page)]
    return {site_files.anchor(heading) for heading in written}


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_headings_of_a_page_differ(page: Path) -> None:
    """GitHub and MkDocs number equal ones differently, so a link to the second could be right on one of them only."""
    if page.name in ("CHANGELOG.md", "record.md"):
        return  # Added, Changed, ... of each version; tables of one name in several places: nothing links there
    assert len(_anchors(page)) == len(headings(page))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), **by_name)
def test_a_page_has_one_title(page: Path) -> None:
    text = prose(page)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1 and text.startswith("# ")


def test_links_out_of_the_documentation_are_changed() -> None:
    text = "[a](../../log.md#x) [b](../../../data/README.md) [c](../../../asr/philox.py) [d](https://x.org) `[e](f)`"
    changed = "[a](../../log.md#x) [b](../../data/README.md) [c](../../asr/philox.py.md) [d](https://x.org) `[e](f)`"
    assert site_files.rewritten(DOCS / "results" / "an4" / "README.md", text) == changed


def test_indented_commands_become_fenced_ones() -> None:
    text = "a\n\n    asr show RUN   # x\n\n    X=1 asr show B\n\nb\n\n    some output\n\n```text\n\n    asr run\n```\n"
    sh = "```sh\nasr show RUN   # x\n\nX=1 asr show B\n```\n"
    assert site_files.coloured(text) == text.replace("    asr show RUN   # x\n\n    X=1 asr show B\n", sh)


class _Page(HTMLParser):
    """What a page of the site loads by itself, and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("img", "script", "iframe", "source", "audio", "video"):
            self.loaded.append(named.get("src") or "")
        elif tag == "link" and named.get("rel") != "canonical":
            self.loaded.append(named.get("href") or "")


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES) - 1
    for page in pages:
        reader = _Page()
        reader.feed(page.read_text(encoding="utf-8"))
        assert [url for url in reader.loaded if urlsplit(url).netloc] == []
