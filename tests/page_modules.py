"""Modules of the page of `asr export --browser` in a browser, for tests that give them the same numbers as Python."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from browsing import browsing, page_of
from static_site import handed_out

FLOATS = """() => {
  window.floats = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}"""
BLANK = "<!doctype html><meta charset=utf-8><title>-</title><link rel=icon href=data:,>"


@contextmanager
def page_modules(folder: Path) -> Iterator[Any]:
    """A blank page beside the modules, copied to an empty folder; skips the test where there is no browser."""
    for name in (files("asr.serve") / "page", files("asr.export") / "page"):
        shutil.copytree(Path(str(name)), folder, dirs_exist_ok=True)
    (folder / "index.html").write_text(BLANK, encoding="utf-8")
    with browsing() as browser, handed_out(folder) as address, page_of(browser, address) as page:
        page.evaluate(FLOATS)
        yield page


def sent(values: np.ndarray) -> str:
    """Millions of numbers go to the browser as bytes in a second, as numbers in minutes."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
