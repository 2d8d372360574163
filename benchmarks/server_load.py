"""How much `asr serve` bears: many clients at once, then one after the other, then more than it takes.

    python benchmarks/server_load.py RUN_OR_BUNDLE FOLDER --clients 50 --seconds 60 --json server_load.json

1. Every file is transcribed by itself, as `asr transcribe` does it: that is what every answer has to be.
2. So many clients send files without pause, each the next as soon as it has its answer: latency, throughput, memory.
   A minute of it comes before and does not count: until then libraries keep what they have made for each size of batch.
3. One client does: what somebody gets who sends one file after the other, without batches.
4. A server that takes 8 requests at once gets as many clients, which do not wait when they are turned away.

Clients are threads of one other process on the same machine, over plain sockets; their work is in all figures.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import platform
import random
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "serve"))

from served import Served, served  # noqa: E402

from asr import numerics  # noqa: E402

BOUNDARY = "load"
AT_ONCE = 8  # of the server that gets too much
LOOK = 1.0  # seconds between two looks at the memory


@dataclass
class Seen:
    """What clients saw."""

    latencies: list[float] = field(default_factory=list)  # seconds, of transcripts
    turned_away: list[float] = field(default_factory=list)  # seconds, of what was refused
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    audio: float = 0.0  # seconds
    wrong: list[str] = field(default_factory=list)  # answers that are not the file's transcript


def truth(model: str, files: list[Path]) -> dict[str, tuple[str, float]]:
    """Text and seconds of each file by itself."""
    numerics.pin()
    from asr import Transcriber

    transcriber = Transcriber(model, device="cpu")
    found = ((path, transcriber(path)) for path in files)
    return {str(path): (transcript.text, transcript.seconds) for path, transcript in found}


def upload(path: Path) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def client(
    port: int,
    bodies: dict[str, bytes],
    expected: dict[str, tuple[str, float]],
    seed: int,
    end: float,
    seen: Seen,
) -> None:
    """Until the time is up. What was begun is finished."""
    draw = random.Random(seed)
    names = list(bodies)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    while time.monotonic() < end:
        name = draw.choice(names)
        began = time.monotonic()
        try:
            connection.request(
                "POST",
                "/v1/audio/transcriptions",
                bodies[name],
                {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
            )
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            status, body = 0, b""
        taken = time.monotonic() - began
        seen.statuses[status] += 1
        if status == 200:
            seen.latencies.append(taken)
            seen.audio += expected[name][1]
            if (text := json.loads(body)["text"]) != expected[name][0]:
                seen.wrong.append(f"{Path(name).name}: {text!r}, by itself {expected[name][0]!r}")
        else:
            seen.turned_away.append(taken)


def crowd(
    port: int,
    count: int,
    seconds: float,
    files: list[Path],
    expected: dict[str, tuple[str, float]],
    to: Connection,
) -> None:
    """In a process of its own: so many clients. Sends what they saw, and how long it took."""
    bodies = {str(path): upload(path) for path in files}
    seen = [Seen() for _ in range(count)]
    began = time.monotonic()
    threads = [
        threading.Thread(target=client, args=(port, bodies, expected, seed, began + seconds, one))
        for seed, one in enumerate(seen)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Seen()
    for one in seen:
        whole.latencies += one.latencies
        whole.turned_away += one.turned_away
        whole.statuses += one.statuses
        whole.audio += one.audio
        whole.wrong += one.wrong
    to.send((whole, time.monotonic() - began, time.process_time()))


def measure(
    server: Served, count: int, seconds: float, files: list[Path], expected: dict[str, tuple[str, float]]
) -> dict[str, Any]:
    """What so many clients see, and what it does to the server."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=crowd, args=(server.port, count, seconds, files, expected, there))
    began = server.processor_time
    process.start()
    memory = []
    while not here.poll(LOOK):
        memory.append(server.memory)
        assert process.is_alive(), "the clients' process ended"
    seen, elapsed, clients = here.recv()
    computed = server.processor_time - began
    process.join()
    return {
        "clients": count,
        "seconds": round(elapsed, 1),
        "requests": sum(seen.statuses.values()),
        "statuses": {str(status): times for status, times in sorted(seen.statuses.items())},
        "wrong": seen.wrong,
        "requests_a_second": round(len(seen.latencies) / elapsed, 2),
        "audio_seconds_a_second": round(seen.audio / elapsed, 1),
        "audio_seconds_a_processor_second": round(seen.audio / computed, 1),
        "cores_used": round(computed / elapsed, 2),
        "latency": percentiles(seen.latencies),
        "turned_away": percentiles(seen.turned_away),
        "memory": {
            "start": memory[0],
            "middle": memory[len(memory) // 2],
            "end": memory[-1],
            "most": max(memory),
            "all": memory,
        },
        "clients_cpu_seconds": round(clients, 1),
    }


def percentiles(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    found = {str(percent): round(cuts[percent - 1], 3) for percent in (50, 90, 95, 99)}
    return {**found, "max": round(max(seconds), 3)}


def show(title: str, found: dict[str, Any]) -> None:
    print(f"{title}: {found['requests']} requests in {found['seconds']} s, statuses {found['statuses']}")
    print(
        f"  {found['audio_seconds_a_second']} s of audio a second, {found['requests_a_second']} requests a second"
    )
    of_the_processor = found["audio_seconds_a_processor_second"]
    print(f"  {of_the_processor} s of audio a second of the processor; {found['cores_used']} cores were used")
    print(f"  latency, s: {found['latency']}; of what was turned away: {found['turned_away']}")
    memory = {name: round(found["memory"][name] / 1e6) for name in ("start", "middle", "end", "most")}
    print(f"  memory, MB: {memory}")
    print(f"  not the file's own transcript: {len(found['wrong'])}", *found["wrong"][:5], sep="\n    ")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("folder", type=Path, help="of sound files")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--warm-up", type=float, default=60, help="seconds of the same before it counts")
    parser.add_argument("--files", type=int, default=200, help="so many of the folder, drawn")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    suffixes = {".wav", ".flac", ".sph", ".mp3"}
    there = sorted(path for path in options.folder.rglob("*") if path.suffix in suffixes)
    files = random.Random(1).sample(there, min(options.files, len(there)))
    expected = truth(options.model, files)
    found: dict[str, Any] = {"machine": platform.platform(), "cores": os.cpu_count(), "files": len(files)}
    found["audio_seconds"] = round(sum(seconds for _, seconds in expected.values()), 1)
    with served([options.model], "--device", "cpu") as server:
        found["before"] = measure(server, options.clients, options.warm_up, files, expected)
        found["many"] = measure(server, options.clients, options.seconds, files, expected)
        found["one"] = measure(server, 1, options.seconds / 2, files, expected)
        found["exit_status"] = server.stop()
    with served([options.model], "--device", "cpu", "--max-requests", str(AT_ONCE)) as server:
        found["too_many"] = measure(server, options.clients, options.seconds / 3, files, expected)
        found["alive_afterwards"] = server.process.poll() is None
    for name in ("audio_seconds_a_second", "audio_seconds_a_processor_second"):
        found[f"ratio_of_{name}"] = round(found["many"][name] / max(found["one"][name], 1e-9), 2)
    for name in ("before", "many", "one", "too_many"):
        show(name, found[name])
    print(f"many clients get {found['ratio_of_audio_seconds_a_second']} times the audio a second of one, and")
    print(f"{found['ratio_of_audio_seconds_a_processor_second']} times the audio a second of the processor")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    good = not any(found[name]["wrong"] for name in ("before", "many", "one", "too_many"))
    good = good and set(found["many"]["statuses"]) == {"200"} and found["exit_status"] == 0
    good = good and found["alive_afterwards"] and set(found["too_many"]["statuses"]) <= {"200", "503"}
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
