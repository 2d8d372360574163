"""A browser for tests of the page: Debian's Chromium, without a window, driven by Playwright.

Each page is watched: what it asks of another origin, what it writes to the console as an error, and what it throws is a
failure of the test. Sound that is played is written down instead of guessed: `played` gives its samples.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")

# What is played by itself goes through AudioBufferSourceNode.start: its samples and rate are kept.
LISTENING = """
window.played = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  window.played.push({ rate: this.buffer.sampleRate, samples: Array.from(this.buffer.getChannelData(0)) });
  return start.apply(this, when);
};
"""


@contextmanager
def browsing(*flags: str) -> Iterator[Any]:
    """A browser; skips the test where there is none."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM} (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--mute-audio", *flags]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, url: str, *, faults: bool = False, **options: Any) -> Iterator[Any]:
    """A fresh page of this address.

    Args:
        faults: requests that fail are part of the test; what the browser says of them in the console is no error then.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.add_init_script(LISTENING)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
    page.goto(url)
    try:
        yield page
        foreign = [address for address in asked if not address.startswith((url, f"blob:{url}", "data:"))]
        assert foreign == []
        own = ("Failed to load resource", "WebSocket connection to") if faults else ()
        assert [error for error in errors if not error.startswith(own)] == []
    finally:
        context.close()


def words(page: Any) -> list[str]:
    """The words that are shown, in order."""
    return page.locator(".word").all_text_contents()


def download(page: Any, name: str) -> tuple[str, str]:
    """Name and content of the file behind one of the download buttons."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_text(encoding="utf-8")


def until(page: Any, expression: str, seconds: float = 30.0) -> None:
    """Waits for a JavaScript expression to be true.

    Playwright's own way calls eval in the page, which its policy forbids.
    """
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"after {seconds} s this is not so: {expression}"
        page.wait_for_timeout(20)
