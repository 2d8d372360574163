"""The page of `asr export --browser` in headless Chromium, on all utterances of a manifest: transcripts, speed, memory.

    asr export RUN --browser page
    python benchmarks/browser.py page dev.jsonl --torch RUN --json browser.json
    python benchmarks/browser.py page dev.jsonl --one

Each utterance goes through the page's own decoding and model, one after the other, as a file of the manifest (a part of
one as a WAV of 16 bits). With --torch, the same utterances are read greedily by torch, and what differs is listed. With
--one it prints what a process of engines.py prints: a line at the first transcript, and one at the end.
"""

import argparse
import base64
import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from asr.benchmark.process_tree import cpu_seconds, descendants, peak_of
from asr.files import sha256_file, write_json
from asr.manifest import Utterance, read_manifest

CHROMIUM = Path("/usr/bin/chromium")
HEAR = """async ([base64, name]) => {
  const { transcribe } = await import("./server.js");
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const nothing = () => {};
  const began = performance.now();
  const told = { name, signal: new AbortController().signal, uploaded: nothing, heard: nothing, said: nothing };
  const { text, duration, words } = await transcribe(new Blob([bytes]), told);
  return { text, duration, words, seconds: (performance.now() - began) / 1000 };
}"""


def main() -> None:
    options = _options()
    utterances = list(read_manifest(options.manifest))
    found = heard_in_browser(options.page, utterances, tell=_line if options.one else lambda first: None)
    if options.one:
        texts = [each["text"] for each in found.pop("heard")]
        _line({**found, "texts": texts})
        return
    report = {"benchmark": "browser", "manifest": sha256_file(options.manifest), **_summary(found)}
    if options.torch:
        report["torch"] = _torch(options.torch, utterances, found["heard"])
    from asr.runs.environment import read_environment

    report["environment"] = read_environment().model_dump(mode="json")
    shown = {key: value for key, value in report.items() if key not in ("environment", "seconds_each")}
    print(json.dumps(shown, indent=2, ensure_ascii=False))
    if options.json:
        write_json(options.json, report)


def heard_in_browser(
    page: Path, utterances: list[Utterance], tell: Any = lambda first: None
) -> dict[str, Any]:
    """What a browser hears in each utterance.

    Args:
        page: the folder that `asr export --browser` wrote.
        tell: called with {"first", "start_cpu"} after the first transcript.

    Returns:
        heard: {text, duration, words, seconds} of each; cpu (seconds of all the browser's processes), audio (seconds),
        memory_first and memory (bytes, the most that the page's process held until the first transcript and the end).
    """
    with _site(page) as address, _browser() as browser:
        shown = browser.new_page()
        shown.goto(address)
        hear = partial(_hear, shown)
        first = hear(utterances[0])
        processes = descendants(os.getpid())
        pages = [each for each in processes if _is_page(each)]
        tell({"first": first["text"], "start_cpu": time.process_time() + cpu_seconds(processes)})
        small = max(map(peak_of, pages))
        began = cpu_seconds(processes)
        heard = [hear(utterance) for utterance in utterances]
        return {
            "engine": "browser",
            "browser": browser.version,
            "bytes": sum(path.stat().st_size for path in page.rglob("*") if path.is_file()),
            "cold": first["seconds"],  # with the loading of the model
            "cpu": cpu_seconds(processes) - began,
            "audio": sum(each["duration"] for each in heard),
            "memory_first": small,
            "memory": max(map(peak_of, pages)),
            "torch_loaded": "torch" in sys.modules,
            "heard": heard,
        }


def _hear(page: Any, utterance: Utterance) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(HEAR, [base64.b64encode(_file(utterance)).decode(), utterance.id])
    return found


def _file(utterance: Utterance) -> bytes:
    import soundfile

    path = Path(utterance.audio_filepath)
    try:
        if not utterance.offset and abs(soundfile.info(path).duration - utterance.duration) < 0.01:
            return path.read_bytes()
    except soundfile.LibsndfileError:
        pass  # one in a shard, for instance
    from asr.audio import read_pcm16

    samples, rate = read_pcm16(path, offset=utterance.offset, duration=utterance.duration)
    written = io.BytesIO()
    soundfile.write(written, samples, rate, subtype="PCM_16", format="WAV")
    return written.getvalue()


def _summary(found: dict[str, Any]) -> dict[str, Any]:
    seconds = [each["seconds"] for each in found["heard"]]
    return {
        **{key: value for key, value in found.items() if key != "heard"},
        "utterances": len(seconds),
        "real_time_factor": sum(seconds) / found["audio"],
        "seconds_each": [round(each, 4) for each in seconds],
    }


def _torch(model: str, utterances: list[Utterance], heard: list[dict[str, Any]]) -> dict[str, Any]:
    from asr import Transcriber, numerics
    from asr.audio import read_audio

    numerics.pin()
    transcriber = Transcriber(
        model, device="cpu", words=True, decoder="greedy", confidence="none", engine="torch"
    )
    different, furthest = [], 0.0
    for utterance, here in zip(utterances, heard, strict=True):
        audio = read_audio(utterance.audio_filepath, offset=utterance.offset, duration=utterance.duration)
        there = transcriber(audio)
        if there.text != here["text"]:
            different.append({"id": utterance.id, "torch": there.text, "browser": here["text"]})
            continue
        for word, other in zip(there.words, here["words"], strict=True):
            furthest = max(furthest, abs(word.start - other["start"]), abs(word.end - other["end"]))
    return {"different": different, "times_differ_by": furthest}


def _is_page(process: int) -> bool:
    try:
        return b"--type=renderer" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def _site(folder: Path) -> Iterator[str]:
    """The folder, as any web server hands it out."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def _line(tree: object) -> None:
    print(json.dumps(tree), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="the folder that `asr export --browser` wrote")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--torch", metavar="RUN", help="the same model, for torch")
    parser.add_argument("--one", action="store_true", help="two lines, as a process of engines.py")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
