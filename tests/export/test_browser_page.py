"""The page of `asr export --browser` in a browser, with a trained model: the same words, and nothing leaves it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browsing import browsing, download, page_of, until, words
from static_site import handed_out

from asr import Transcriber
from asr.audio import read_audio
from asr.cli.arguments import add_cache
from asr.errors import StorageError
from asr.export.browser import Runtime, browser_runtime, write_page
from asr.transcribe.transcript import Transcript

HEAR = """async (name) => {
  const { transcribe } = await import("./server.js");
  const blob = await (await fetch(name)).blob();
  const heard = [];
  const nothing = () => {};
  const told = { name, signal: new AbortController().signal, uploaded: nothing, said: nothing };
  const found = await transcribe(blob, { ...told, heard: (seconds, all) => heard.push(seconds / all) });
  return { ...found, heard };
}"""


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    """onnxruntime-web, of the cache that the command uses."""
    import argparse

    parser = argparse.ArgumentParser()
    add_cache(parser)
    try:
        return browser_runtime(parser.parse_args([]).cache.expanduser())
    except StorageError as error:
        pytest.skip(f"needs onnxruntime-web: {error}")


@pytest.fixture(scope="module")
def folder(exported: Path, runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, and a folder `sounds` beside its files."""
    folder = tmp_path_factory.mktemp("browser") / "page"
    write_page(exported, folder, runtime)
    (folder / "sounds").mkdir()
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with handed_out(folder) as found:
        yield found


@pytest.fixture(scope="module")
def browser(recordings: list[Path]) -> Iterator[Any]:
    with browsing(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recordings[0]}",
    ) as found:
        yield found


@pytest.fixture(scope="module")
def transcriber(exported: Path) -> Transcriber:
    return Transcriber(exported, words=True, decoder="greedy", engine="torch", segmentation="windows")


def times(transcript: Transcript) -> list[tuple[str, float, float]]:
    return [(word.word, round(word.start, 3), round(word.end, 3)) for word in transcript.words]


def test_a_file_is_transcribed_as_in_python(
    browser: Any, address: str, recordings: list[Path], transcriber: Transcriber
) -> None:
    with page_of(browser, address) as page:
        page.set_input_files("#files", recordings[1])
        page.wait_for_selector(".word")
        said = transcriber(recordings[1])
        assert " ".join(words(page)) == said.text
        assert said.text
        tree = json.loads(download(page, "JSON")[1])
        assert [(word["word"], word["start"], word["end"]) for word in tree["words"]] == times(said)
        assert "no language model" in page.locator("#about").inner_text()
        assert "miniature" in page.locator("#about").inner_text()
        assert page.locator("#as-file").count() == 0


def test_all_forms_of_sound(
    browser: Any, address: str, folder: Path, recordings: list[Path], transcriber: Transcriber
) -> None:
    """Of the model's rate bit by bit; of others by the same filter; long ones in windows."""
    for number, path in enumerate(recordings):
        shutil.copy(path, folder / "sounds" / f"{number}.wav")
    audio = read_audio(recordings[2])
    soundfile.write(folder / "sounds/flac.flac", audio.samples, audio.sample_rate, subtype="PCM_16")
    soundfile.write(folder / "sounds/aiff.aiff", audio.samples, audio.sample_rate, subtype="PCM_24")
    double = read_audio(recordings[3], sample_rate=16_000).samples
    stereo = np.stack([double, 0.5 * double], axis=1)
    soundfile.write(folder / "sounds/stereo.wav", stereo, 16_000, subtype="FLOAT")
    triple = read_audio(recordings[4], sample_rate=24_000).samples
    soundfile.write(folder / "sounds/rate.flac", triple, 24_000, subtype="PCM_16")
    every = np.concatenate([read_audio(path).samples for path in recordings])
    long = np.resize(every, 70 * audio.sample_rate)
    soundfile.write(folder / "sounds/long.wav", long, audio.sample_rate, subtype="PCM_16")
    with page_of(browser, address) as page:
        for path in sorted((folder / "sounds").iterdir()):
            here, there = page.evaluate(HEAR, f"sounds/{path.name}"), transcriber(path)
            assert here["text"] == there.text, path.name
            assert [(word["word"], word["start"], word["end"]) for word in here["words"]] == [
                (word.word, pytest.approx(word.start, abs=0.011), pytest.approx(word.end, abs=0.011))
                for word in there.words
            ]
            assert here["duration"] == pytest.approx(there.seconds, abs=1e-3)
            assert (len(here["heard"]) > 3) == (there.segmentation == "windows")
        assert there.text and here["heard"] == sorted(here["heard"])
        assert transcriber(folder / "sounds/long.wav").segmentation == "windows"


def test_the_microphone(browser: Any, address: str) -> None:
    with page_of(browser, address) as page:
        page.get_by_role("button", name="Record").click()
        until(page, "parseFloat(document.querySelector('#timer').textContent.slice(2)) > 2")
        page.get_by_role("button", name="Stop and transcribe").click()
        page.wait_for_selector(".word")
        assert page.locator("#title").inner_text().startswith("recording ")


def test_what_is_no_sound(browser: Any, address: str, tmp_path: Path, recordings: list[Path]) -> None:
    files = {
        "empty.wav": (b"", "is empty (0 bytes)."),
        "notes.mp3": (b"this is no sound, " * 9, "is no sound, or none that this browser can decode."),
        "cut.wav": (recordings[0].read_bytes()[:-1000], "is cut off: it says that it has 1000 bytes more."),
    }
    for name, (contents, _) in files.items():
        (tmp_path / name).write_bytes(contents)
    with page_of(browser, address, faults=True) as page:
        page.set_input_files("#files", [tmp_path / name for name in files])
        until(page, "document.querySelectorAll('.list .failed').length === 3")
        for name, (_, message) in files.items():
            page.locator(".job", has_text=name).click()
            assert f"{name} {message}" in page.get_by_role("alert").inner_text()
        assert page.get_by_role("button", name="Remove", exact=True).is_visible()


def test_neither_the_page_nor_its_worker_can_reach_another_place(
    browser: Any, address: str, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("elsewhere")
    reach = "(url) => fetch(url, { mode: 'no-cors' }).then(() => 'reached', () => 'refused')"
    with handed_out(tmp_path) as elsewhere:
        blank = browser.new_page()
        blank.goto(elsewhere)
        assert blank.evaluate(reach, elsewhere) == "reached"
        blank.close()
        page = browser.new_page()
        page.goto(address)
        until(page, "document.querySelector('#about').textContent.startsWith('Model ')")
        assert [worker.url.startswith("blob:") for worker in page.workers] == [True]
        assert page.evaluate(reach, elsewhere) == "refused"
        assert page.workers[0].evaluate(reach, elsewhere) == "refused"
        assert page.evaluate(reach, address) == "reached"
        assert page.workers[0].evaluate(reach, address) == "reached"
        page.close()


def test_a_model_that_is_not_there_is_named_and_can_be_tried_again(
    browser: Any, folder: Path, recordings: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "page")
    model = tmp_path / "page/model/model.onnx"
    away = model.rename(tmp_path / "away")
    with handed_out(tmp_path / "page") as address, page_of(browser, address, faults=True) as page:
        page.set_input_files("#files", recordings[0])
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert "model/model.onnx: the server answered 404" in alert.inner_text()
        away.rename(model)
        page.get_by_role("button", name="Try again").click()
        page.wait_for_selector(".word")


def test_a_long_recording_leaves_the_page_free_and_can_be_cancelled(
    browser: Any, address: str, tmp_path: Path, recordings: list[Path]
) -> None:
    path = tmp_path / "long.wav"
    samples = np.tile(read_audio(recordings[0]).samples, 1 + 900 * 8000 // 10_000)[: 900 * 8000]
    soundfile.write(path, samples, 8000, subtype="PCM_16")
    with page_of(browser, address) as page:
        page.set_input_files("#files", path)
        until(page, "document.querySelector('#phase').textContent.startsWith('Listening ')")
        page.get_by_role("button", name="Keys").click()
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Cancel").click()
        assert page.locator("#fault-title").inner_text() == "Cancelled"
        page.set_input_files("#files", recordings[0])
        page.wait_for_selector(".word")  # nobody waits for the rest of the long one
