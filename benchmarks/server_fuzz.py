"""Bad uploads, drawn by a seed: each must get the right kind of answer, and the server must be as it was before.

    python benchmarks/server_fuzz.py RUN_OR_BUNDLE --count 1000 --seed 1 --json server_fuzz.json

Starts `asr serve`, sends so many uploads over plain sockets (tests/serve/bad_uploads.py), and looks at what comes back:
its status, that it is JSON in OpenAI's shape or a transcript, and that it names no path, no place in the code and
nothing of another upload. Afterwards the server still transcribes a good file to the same text, holds no upload, and
has left nothing in its temporary folder. How much memory it had meanwhile is printed, and is for the reader to judge.
"""

import argparse
import json
import random
import re
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "serve"))

from bad_sound import sound  # noqa: E402
from bad_uploads import cases  # noqa: E402
from served import Served, served  # noqa: E402
from wire import GOOD, LIMIT_MB, LIMIT_SECONDS, Case, case, form  # noqa: E402

OPTIONS = ("--max-megabytes", str(LIMIT_MB), "--max-seconds", str(LIMIT_SECONDS), "--max-upload-time", "5")
SECRET = b"THE-SECRET-OF-ANOTHER-UPLOAD"
# What must be in no answer: paths of this machine, places in code, kinds of exceptions.
LEAKS = re.compile(
    rb"/tmp|/home|/root|/usr|/proc|/work|site-packages|Traceback|\.py\b|Errno|0x[0-9a-f]{6}|" + SECRET
)


def send(port: int, one: Case, timeout: float = 30.0) -> tuple[int, bytes]:
    """Status, or 0 where there was no answer, and all that came back."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        try:
            connection.sendall(one.request)
            if one.hang_up:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may answer before it has read all
        try:
            while block := connection.recv(1 << 16):
                answer += block
        except TimeoutError:
            return -1, answer
        except OSError:
            pass
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0, answer


def complaint(one: Case, status: int, answer: bytes) -> str | None:
    """What is wrong with an answer."""
    if status not in one.expected:
        return f"{one.kind}: status {status}, expected {sorted(one.expected)}: {answer[-200:]!r}"
    if leak := LEAKS.search(answer.partition(b"\r\n\r\n")[2]):
        return f"{one.kind}: the answer holds {leak[0]!r}: {answer[-300:]!r}"
    body = answer.partition(b"\r\n\r\n")[2]
    if status >= 400 and b"application/json" in answer:
        error = json.JSONDecoder().raw_decode(body.decode())[0]["error"]  # another answer may follow
        if set(error) != {"message", "type", "param", "code"} or not error["message"]:
            return f"{one.kind}: not OpenAI's shape: {body!r}"
    elif status >= 400 and one.kind not in HTTP_KINDS:
        return f"{one.kind}: {status} without JSON: {answer[-200:]!r}"
    return None


# What never gets as far as the application is answered by the HTTP library, in plain text.
HTTP_KINDS = {
    "broken HTTP",
    "broken chunks",
    "length is no number",
    "two lengths",
    "length too small",
    "hung up",
}


def fuzz(server: Served, seed: int, count: int) -> dict[str, Any]:
    """Sends them all; what is wrong, and how often each kind was answered how."""
    wrong: list[str] = []
    answers: Counter[str] = Counter()
    before = text_of(server)
    memory = [server.memory]
    slowest = 0.0
    for number, one in enumerate(cases(seed, count), 1):
        began = time.monotonic()
        status, answer = send(server.port, one)
        slowest = max(slowest, time.monotonic() - began)
        answers[f"{one.kind}: {status}"] += 1
        if (found := complaint(one, status, answer)) is not None:
            wrong.append(f"case {number}: {found}")
        if server.process.poll() is not None:
            wrong.append(f"case {number}: {one.kind}: the server ended")
            break
        if number % max(1, count // 10) == 0:
            memory.append(server.memory)
    else:
        wrong += afterwards(server, before)
    return {
        "wrong": wrong,
        "answers": dict(sorted(answers.items())),
        "memory": memory,
        "slowest": round(slowest, 2),
    }


def afterwards(server: Served, before: bytes) -> list[str]:
    """What has not become as it was."""
    time.sleep(0.3)
    wrong = []
    if text_of(server) != before:
        wrong.append("a good file has another transcript now")
    if left := [*server.open_files, *map(str, server.temporary.iterdir())]:
        wrong.append(f"left behind: {left}")
    if leak := re.search(r"/tmp|/proc|Traceback", server.log):
        wrong.append(f"the log holds {leak[0]!r}")
    wrong += [f"the log: {line.strip()}" for line in server.lines if "a bug" in line]
    return wrong


def text_of(server: Served) -> bytes:
    """Of one good file."""
    one = case("good", GOOD, form(sound(random.Random(0), seconds=2.0), SECRET.decode() + ".wav"))
    status, answer = send(server.port, one)
    assert status == 200, answer
    return answer.partition(b"\r\n\r\n")[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with served([options.model], *OPTIONS) as server:
        began = time.monotonic()
        found = fuzz(server, options.seed, options.count)
        found |= {"count": options.count, "seed": options.seed, "seconds": round(time.monotonic() - began, 1)}
        found["exit_status"] = server.stop()
    for kind, times in found["answers"].items():
        print(f"{times:5} {kind}")
    print(
        "memory, MB:",
        [round(size / 1e6) for size in found["memory"]],
        f"slowest answer: {found['slowest']} s",
    )
    print("\n".join(found["wrong"]) or "nothing wrong")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if found["wrong"] or found["exit_status"] else 0)


if __name__ == "__main__":
    main()
