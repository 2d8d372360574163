"""The page before a real `asr serve` with a real model, and its microphone."""

import io
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import stand_in
from browsing import browsing, download, page_of, until, words
from served import Served


@pytest.fixture(scope="module")
def spoken(recordings: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone hears, again and again: one recording, and half a second of silence."""
    samples, rate = soundfile.read(recordings[0])
    path = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    soundfile.write(path, np.concatenate([samples, np.zeros(rate // 2)]), rate, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser(spoken: Path) -> Iterator[Any]:
    with browsing(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken}",
    ) as found:
        yield found


def test_the_policy_of_the_page_is_at_least_that_of_the_stand_in(server: Served) -> None:
    with urllib.request.urlopen(server.url, timeout=100) as answer:
        policy = dict(
            part.split(maxsplit=1) for part in answer.headers["Content-Security-Policy"].split("; ")
        )
    for name in ("script-src", "style-src", "connect-src", "worker-src"):
        assert policy.get(name, policy["default-src"]) == "'self'"
    assert policy["default-src"] in ("'none'", "'self'")
    for part in stand_in.POLICY.split("; ")[1:]:
        name, value = part.split(maxsplit=1)
        assert policy.get(name, policy["default-src"]) == value


def test_a_real_transcript_is_shown_heard_and_downloaded(
    browser: Any, server: Served, recordings: list[Path]
) -> None:
    with page_of(browser, server.url) as page:
        page.set_input_files("#files", recordings[1])
        page.wait_for_selector(".word")
        page.wait_for_selector("#stage[data-drawn]")
        name, content = download(page, "JSON")
        assert name == recordings[1].stem + ".json"
        tree = json.loads(content)
        assert tree["text"].split() == words(page)
        assert tree["duration"] == pytest.approx(soundfile.info(recordings[1]).duration, abs=1e-3)
        word = tree["segments"][0]["words"][0]
        assert word["confidence"] is not None
        page.locator(".word").first.click()
        until(page, "window.played.length === 1")
        seconds = page.evaluate("window.played[0].samples.length / window.played[0].rate")
        assert seconds == pytest.approx(word["end"] - word["start"], abs=2e-3)


def test_a_file_without_sound_is_refused_in_the_servers_words(
    browser: Any, server: Served, tmp_path: Path
) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("Dear Sir or Madam, " * 50)
    with page_of(browser, server.url, faults=True) as page:
        page.set_input_files("#files", path)
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert "letter.wav" in page.locator("#fault-message").inner_text()
        assert str(tmp_path) not in alert.inner_text()
        assert not page.get_by_role("button", name="Try again").is_visible()


def record(page: Any, seconds: float) -> None:
    page.get_by_role("button", name="Record", exact=True).click()
    until(page, f"parseFloat(document.querySelector('#timer').textContent.slice(2)) > {seconds}")


def test_what_is_recorded_is_transcribed(browser: Any, server: Served) -> None:
    with page_of(browser, server.url) as page:
        record(page, 2.5)
        page.get_by_role("button", name="Stop and transcribe").click()
        page.wait_for_selector(".word")
        assert re.fullmatch(r"recording [\d-]{10} [\d.]{8}\.wav", page.locator("#title").inner_text())
        page.wait_for_selector("#stage[data-drawn]")
        assert float(page.locator("#stage").get_attribute("aria-valuemax")) > 2.4


def test_a_recording_is_a_wave_file_of_what_the_microphone_heard(browser: Any, spoken: Path) -> None:
    answer = stand_in.answer_of([("go", 0.1, 0.5, 0.9)], duration=2.5)
    with stand_in.standing_in(answer) as found, page_of(browser, found.url, faults=True) as page:
        record(page, 2.0)
        until(page, "document.querySelector('#meter').value > 0.01")
        page.get_by_role("button", name="Stop and transcribe").click()
        page.wait_for_selector(".word")
        body = found.bodies[0]
    file = io.BytesIO(body[body.index(b"RIFF") :])
    samples, rate = soundfile.read(file)
    information = soundfile.info(io.BytesIO(body[body.index(b"RIFF") :]))
    assert (information.format, information.subtype, information.channels) == ("WAV", "PCM_16", 1)
    assert 2.0 <= len(samples) / rate < 5.0
    # The tones that were said are the tones that were recorded: the same strongest frequency.
    truth, truth_rate = soundfile.read(spoken)
    assert strongest(samples, rate) == pytest.approx(strongest(truth, truth_rate), rel=0.02)


def strongest(samples: np.ndarray, rate: int) -> float:
    """Hz."""
    power = np.abs(np.fft.rfft(samples))
    return float(np.argmax(power)) * rate / len(samples)


def test_a_recording_that_cannot_begin_says_why(browser: Any) -> None:
    with stand_in.standing_in({}) as found, page_of(browser, found.url, faults=True) as page:
        page.evaluate(
            """() => (AudioWorklet.prototype.addModule = async () => {
              throw new DOMException("Unable to load a worklet's module.", "AbortError");
            })"""
        )
        page.get_by_role("button", name="Record", exact=True).click()
        page.locator("#record-note").get_by_text("Is the server still running?").wait_for()
        assert page.get_by_role("button", name="Record", exact=True).is_enabled()


def test_a_microphone_that_is_unplugged_ends_the_recording(browser: Any) -> None:
    answer = stand_in.answer_of([("go", 0.1, 0.5, 0.9)], duration=0.5)
    with stand_in.standing_in(answer) as found, page_of(browser, found.url, faults=True) as page:
        page.evaluate("""() => {
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await open(wanted));
        }""")
        record(page, 0.3)
        page.evaluate("window.stream.getTracks()[0].dispatchEvent(new Event('ended'))")
        page.wait_for_selector(".word")
        assert page.locator("#record-note").inner_text().startswith("The microphone is gone.")


def test_a_recording_that_is_discarded_is_sent_nowhere(browser: Any) -> None:
    with stand_in.standing_in({}) as found, page_of(browser, found.url, faults=True) as page:
        record(page, 0.3)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Record", exact=True).wait_for()
        assert page.evaluate("document.activeElement.id") == "record"
        assert found.bodies == []
