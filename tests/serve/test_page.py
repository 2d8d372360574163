"""The page in a browser, before a stand-in server whose words are known."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browsing import browsing, download, page_of, until, words
from stand_in import StandIn, answer_of, standing_in

RATE = 8_000  # Hz
SPOKEN = [
    ("go", 0.5, 0.9, 0.99),
    ("forward", 1.0, 1.6, 0.8),
    ("ten", 1.7, 2.0, 0.42),
    ("meters", 2.1, 2.6, 0.95),
    ("stop", 4.0, 4.5, 0.97),
    ("now", 4.6, 5.0, 0.6),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s in which sample n is n / 48,000: each stretch of it tells where it is from."""
    path = tmp_path_factory.mktemp("sound") / "my talk.v2.wav"
    soundfile.write(path, np.arange(6 * RATE) / (6 * RATE), RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as found:
        yield found


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with standing_in(answer_of(SPOKEN[:4], SPOKEN[4:], duration=6.0)) as found:
        yield found


@pytest.fixture
def page(browser: Any, stand_in: StandIn, sound: Path) -> Iterator[Any]:
    """A page that shows the transcript."""
    with page_of(browser, stand_in.url) as found:
        until(found, "document.querySelector('#model').value === 'small'")  # what the server has is known
        found.set_input_files("#files", sound)
        found.wait_for_selector(".word")
        yield found


def test_a_file_is_uploaded_and_its_words_are_shown(page: Any, stand_in: StandIn) -> None:
    assert words(page) == [word for word, *_ in SPOKEN]
    assert page.locator(".segment").count() == 2
    assert page.locator(".when").all_text_contents() == ["0:00", "0:04"]
    body = stand_in.bodies[0]
    for part in (b'filename="my talk.v2.wav"', b"verbose_json", b"small", b'name="stream"\r\n\r\ntrue'):
        assert part in body
    classes = [
        name.split()[-1] for name in page.locator(".word").evaluate_all("all => all.map(w => w.className)")
    ]
    assert classes == ["sure", "fair", "unsure", "sure", "sure", "unsure"]


def test_a_word_that_is_clicked_is_heard_and_nothing_else(page: Any) -> None:
    page.wait_for_selector("#stage[data-drawn]")
    page.get_by_role("button", name="forward, 80 %").click()
    until(page, "window.played.length === 1")
    heard = page.evaluate("window.played[0]")
    assert heard["rate"] == RATE
    samples = np.array(heard["samples"])
    assert len(samples) == round(0.6 * RATE)
    middle = slice(100, -100)  # the edges are faded
    truth = np.arange(RATE, RATE + len(samples)) / (6 * RATE)
    assert np.abs(samples - truth)[middle].max() < 1e-4
    assert page.locator(".word.current").text_content() == "forward"


def test_a_word_below_the_waveform_is_heard_when_clicked(page: Any) -> None:
    page.wait_for_selector("#stage[data-drawn]")
    box = page.locator("#stage").bounding_box()
    # The whole file is in view: 6 s in the width of the stage. The lane of words is its last 44 pixels.
    page.mouse.click(box["x"] + box["width"] * 4.2 / 6, box["y"] + box["height"] - 20)
    until(page, "window.played.length === 1")
    first = page.evaluate("window.played[0].samples[100]")
    assert first == pytest.approx((4.0 + 100 / RATE) / 6, abs=1e-4)
    assert page.locator(".word.pointed").text_content() == "stop"


def test_an_edited_line_keeps_times_and_confidence_of_what_is_left(page: Any) -> None:
    page.locator(".word", has_text="ten").dblclick()
    field = page.get_by_role("textbox", name="Text of the line")
    assert field.input_value() == "go forward ten meters"
    field.fill("go forward two metres please")
    field.press("Enter")
    assert words(page) == ["go", "forward", "two", "metres", "please", "stop", "now"]
    found = json.loads(download(page, "JSON")[1])
    assert found["file"] == "my talk.v2.wav"
    assert found["text"] == "go forward two metres please stop now"
    flat = [tuple(word.values()) for segment in found["segments"] for word in segment["words"]]
    assert flat[:2] == [("go", 0.5, 0.9, 0.99), ("forward", 1.0, 1.6, 0.8)]
    assert flat[5:] == [("stop", 4.0, 4.5, 0.97), ("now", 4.6, 5.0, 0.6)]
    # Three in the place of two: they share 1.7 to 2.6 s by their letters (and a space each): 4, 7 and 7 of 18.
    assert flat[2:5] == [("two", 1.7, 1.9, None), ("metres", 1.9, 2.25, None), ("please", 2.25, 2.6, None)]
    page.keyboard.press("Control+z")
    assert words(page) == [word for word, *_ in SPOKEN]
    page.keyboard.press("Control+y")
    assert len(words(page)) == 7
    page.keyboard.press("Control+z")
    assert len(words(page)) == 6
    page.keyboard.press("Control+Shift+Z")
    assert len(words(page)) == 7


def test_each_format_is_downloaded_with_the_name_of_the_file(page: Any) -> None:
    assert download(page, "TXT") == ("my talk.v2.txt", "go forward ten meters\nstop now\n")
    assert download(page, "SRT") == (
        "my talk.v2.srt",
        "1\n00:00:00,500 --> 00:00:02,600\ngo forward ten meters\n\n"
        "2\n00:00:04,000 --> 00:00:05,000\nstop now\n",
    )
    assert download(page, "VTT") == (
        "my talk.v2.vtt",
        "WEBVTT\n\n00:00:00.500 --> 00:00:02.600\ngo forward ten meters\n\n"
        "00:00:04.000 --> 00:00:05.000\nstop now\n",
    )
    name, content = download(page, "JSON")
    assert name == "my talk.v2.json"
    tree = json.loads(content)
    assert [(s["id"], s["start"], s["end"], s["text"]) for s in tree["segments"]] == [
        (0, 0.5, 2.6, "go forward ten meters"),
        (1, 4.0, 5.0, "stop now"),
    ]
    assert tree["segments"][1]["confidence"] == pytest.approx((0.97 + 0.6) / 2)
    assert tree["words"] == [word for segment in tree["segments"] for word in segment["words"]]
    assert (tree["duration"], tree["language"], tree["text"]) == (
        6.0,
        "und",
        "go forward ten meters stop now",
    )


def test_deleting_all_words_can_be_undone_by_keyboard(page: Any) -> None:
    page.locator(".word").first.focus()
    for _ in SPOKEN:
        page.keyboard.press("Delete")
    assert page.locator("#partial").inner_text() == "All words were deleted."
    assert page.evaluate("document.activeElement.id") == "undo"
    page.keyboard.press("Enter")
    assert words(page) == ["now"]


def test_everything_by_keyboard(browser: Any, stand_in: StandIn, sound: Path) -> None:
    with page_of(browser, stand_in.url) as page:
        with page.expect_file_chooser() as chooser:
            for _ in range(5):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.id") == "choose":
                    break
            page.keyboard.press("Enter")
        chooser.value.set_files(sound)
        page.wait_for_selector(".word")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.classList.contains('word')"):
                break
        focused = "document.activeElement.textContent"
        assert page.evaluate(focused) == "go"
        assert page.locator("#tip").inner_text().startswith("0:00.50 – 0:00.90")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(focused) == "forward"
        page.wait_for_selector("#stage[data-drawn]")
        page.keyboard.press("Enter")
        until(page, "window.played.length === 1 && window.played[0].samples.length === 4800")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(focused) == "now"
        page.keyboard.press("Home")
        page.keyboard.press("u")
        assert page.evaluate(focused) == "ten"
        page.keyboard.press("m")  # joined to the next
        assert words(page)[2] == "tenmeters"
        page.keyboard.press("Control+z")
        page.keyboard.press("End")
        page.keyboard.press("Delete")
        assert words(page) == ["go", "forward", "ten", "meters", "stop"]
        page.keyboard.press("F2")
        page.keyboard.press("Home")
        page.keyboard.press("Backspace")  # joined to the line above, which stays open
        page.keyboard.press("Escape")
        assert page.locator(".segment").count() == 1
        page.keyboard.press("Home")
        page.keyboard.press("F2")
        page.keyboard.press("Shift+Enter")  # parted after the first word
        assert page.locator(".words").all_text_contents() == ["go ", "forward ten meters stop "]
        page.keyboard.press("Space")
        page.wait_for_selector("#play[aria-label=Pause]")
        page.keyboard.press("Space")
        page.wait_for_selector("#play[aria-label=Play]")
        page.locator("#stage").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        until(page, "document.querySelector('#stage').getAttribute('aria-valuetext') === '0:01.0 of 0:06.0'")
        page.keyboard.press("+")
        page.wait_for_selector("#overview:visible")
        page.keyboard.press("0")
        page.wait_for_selector("#overview", state="hidden")


def test_progress_and_text_come_before_the_end_and_can_be_cancelled(
    browser: Any, stand_in: StandIn, sound: Path
) -> None:
    stand_in.go_on.clear()
    stand_in.events = [
        {"type": "transcript.text.delta", "delta": "go forward"},
        {"type": "transcript.progress", "seconds": 3.0, "duration": None},
    ]
    with page_of(browser, stand_in.url) as page:
        page.set_input_files("#files", sound)
        until(page, "document.querySelector('#phase').textContent === 'Listening 50 %'")
        assert page.locator("#partial").inner_text() == "go forward"
        assert page.locator("#bar").evaluate("bar => bar.value") == pytest.approx(0.5)
        assert page.get_by_role("status").inner_text() == "my talk.v2.wav: Listening"
        page.get_by_role("button", name="Cancel").click()
        assert page.locator("#fault-title").inner_text() == "Cancelled"
        stand_in.go_on.set()
        stand_in.events = []
        page.get_by_role("button", name="Try again").click()
        page.wait_for_selector(".word")


@pytest.mark.parametrize(
    ("status", "message", "advice", "again"),
    [
        (400, "notes.wav: no audio could be found in it", "converting it to WAV or FLAC", False),
        (503, "all places are taken", "Try again in 7 seconds", True),
    ],
)
def test_what_the_server_refuses_is_said_in_its_words(
    browser: Any, stand_in: StandIn, tmp_path: Path, status: int, message: str, advice: str, again: bool
) -> None:
    stand_in.status, stand_in.message, stand_in.retry_after = status, message, 7 if status == 503 else None
    path = tmp_path / "notes.wav"
    path.write_text("this is no audio")
    with page_of(browser, stand_in.url, faults=True) as page:
        page.set_input_files("#files", path)
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert message in alert.inner_text()
        assert advice in alert.inner_text()
        assert page.get_by_role("button", name="Try again").is_visible() == again
        page.wait_for_timeout(200)  # by then it is known that it cannot be played
        assert not page.locator("#player").is_visible()


def test_what_the_browser_cannot_play_is_transcribed_all_the_same(
    browser: Any, stand_in: StandIn, tmp_path: Path
) -> None:
    path = tmp_path / "call.amr"
    path.write_bytes(b"#!AMR\n" + bytes(1000))
    with page_of(browser, stand_in.url) as page:
        page.set_input_files("#files", path)
        page.locator("#sound-note").wait_for()
        assert page.locator("#sound-note").inner_text().endswith("no waveform, and nothing to play.")
        assert not page.locator("#controls").is_visible()
        page.wait_for_selector(".word")


def test_a_server_that_is_gone_is_named_and_the_file_is_kept(
    browser: Any, stand_in: StandIn, sound: Path
) -> None:
    with page_of(browser, stand_in.url, faults=True) as page:
        page.route("**/v1/audio/transcriptions", lambda route: route.abort("connectionrefused"))
        page.set_input_files("#files", sound)
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert "cannot be reached" in alert.inner_text()
        page.unroute("**/v1/audio/transcriptions")
        page.get_by_role("button", name="Try again").click()
        page.wait_for_selector(".word")


def test_a_file_that_is_gone_is_not_blamed_on_the_server(
    browser: Any, stand_in: StandIn, sound: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gone.wav"
    path.write_bytes(sound.read_bytes())
    stand_in.status, stand_in.message = 503, "all places are taken"
    with page_of(browser, stand_in.url, faults=True) as page:
        page.set_input_files("#files", path)
        page.get_by_role("alert").get_by_text("all places are taken").wait_for()
        path.unlink()
        page.get_by_role("button", name="Try again").click()
        page.get_by_role("alert").get_by_text("gone.wav cannot be read").wait_for()
        assert not page.get_by_role("button", name="Try again").is_visible()


def test_a_token_is_asked_for_and_kept_in_the_tab_only(browser: Any, stand_in: StandIn, sound: Path) -> None:
    stand_in.token = "secret"
    with page_of(browser, stand_in.url, faults=True) as page:
        page.get_by_role("textbox", name="Token").fill("wrong")
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("The server does not know that token").wait_for()
        page.get_by_role("textbox", name="Token").fill("secret")
        page.get_by_role("button", name="Continue").click()
        page.locator("#token").wait_for(state="hidden")
        page.set_input_files("#files", sound)
        page.wait_for_selector(".word")
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


def drop(page: Any, name: str, content: bytes) -> None:
    """As a file manager drops a file on the page."""
    transfer = page.evaluate_handle(
        """([name, content]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(content)], name));
          return transfer;
        }""",
        [name, list(content)],
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    assert page.locator("#drop").is_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    assert not page.locator("#drop").is_visible()


def test_several_files_and_models(browser: Any, stand_in: StandIn, sound: Path, tmp_path: Path) -> None:
    stand_in.models = ("small", "large")
    other = tmp_path / "other.wav"
    other.write_bytes(sound.read_bytes())
    with page_of(browser, stand_in.url) as page:
        page.get_by_role("combobox", name="Model").select_option("large")
        page.set_input_files("#files", [sound, other])
        drop(page, "third.wav", sound.read_bytes())
        until(page, "document.querySelectorAll('.list .done').length === 3")
        assert all(b"large" in body for body in stand_in.bodies)
        page.get_by_role("button", name="other.wav", exact=False).first.click()
        assert page.locator("#title").inner_text() == "other.wav"
        page.get_by_role("button", name="Remove other.wav").click()
        assert page.locator(".list li").count() == 2
        # Corrections are not thrown away unasked (Playwright answers no), and undone ones are none.
        page.locator(".word").first.focus()
        page.keyboard.press("Delete")
        page.get_by_role("button", name="Remove third.wav").click()
        assert page.locator(".list li").count() == 2
        page.keyboard.press("Control+z")
        page.get_by_role("button", name="Remove third.wav").click()
        assert page.locator(".list li").count() == 1


def test_a_recording_that_is_removed_takes_its_worker_along_and_stops_no_other(
    browser: Any, stand_in: StandIn, sound: Path
) -> None:
    with page_of(browser, stand_in.url) as page:
        page.evaluate("""() => {
          const send = Worker.prototype.postMessage;
          window.busy = true; // the first one never gets to draw
          Worker.prototype.postMessage = function (message, ...rest) {
            if (!window.busy || message.ask !== "view") send.call(this, message, ...rest);
          };
        }""")
        page.set_input_files("#files", [sound, sound])
        until(page, "document.querySelectorAll('.list .done').length === 2")
        # Each is opened once, however often one goes to and fro meanwhile.
        page.evaluate("[1, 0, 1, 0].forEach((i) => document.querySelectorAll('.job')[i].click())")
        page.wait_for_selector("#stage:visible")
        page.evaluate("document.querySelectorAll('.away')[0].click()")
        page.evaluate("window.busy = false")
        page.wait_for_selector("#stage[data-drawn]")
        end = time.monotonic() + 60
        while len(page.workers) != 1:
            assert time.monotonic() < end, page.workers
            page.wait_for_timeout(20)


def test_a_page_without_storage_works(browser: Any, stand_in: StandIn, sound: Path) -> None:
    with page_of(browser, stand_in.url) as page:
        page.add_init_script("""
          for (const name of ["localStorage", "sessionStorage"])
            Object.defineProperty(window, name, { get() { throw new DOMException("forbidden", "SecurityError"); } });
        """)
        page.reload()
        page.get_by_role("button", name="Dark colours").click()
        page.set_input_files("#files", sound)
        page.wait_for_selector(".word")
