"""A real server that is asked to stop, and clients that hang up."""

import http.client
import io
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from served import Served, served
from wire import form, request


@pytest.fixture(scope="module")
def long_file(recordings: list[Path]) -> bytes:
    """Minutes of tones: some seconds of work."""
    read = [soundfile.read(path, dtype="int16") for path in recordings]
    stream = io.BytesIO()
    soundfile.write(
        stream, np.tile(np.concatenate([samples for samples, _ in read]), 60), read[0][1], format="FLAC"
    )
    return stream.getvalue()


@pytest.fixture(scope="module")
def own_server(run_folder: Path) -> Iterator[Served]:
    """The last test stops it."""
    with served([run_folder], "--workers", "1", "--stop-time", "60") as started:
        yield started


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def ask(server: Served, file: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        connection.sendall(request(form(file)))
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def running(server: Served) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=200)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    connection.close()
    line = next(line for line in page.splitlines() if line.startswith("asr_requests_running "))
    return round(float(line.split()[1]))


def test_a_client_that_hangs_up_ends_its_work(own_server: Served, long_file: bytes) -> None:
    connection = socket.create_connection(("127.0.0.1", own_server.port), timeout=200)
    connection.sendall(request(form(long_file)))
    until(lambda: running(own_server) == 1)
    connection.close()
    until(lambda: running(own_server) == 0)
    until(lambda: own_server.open_files == [])
    # Said after the work has ended, and read here by a thread.
    until(lambda: "POST /v1/audio/transcriptions 499" in own_server.log)
    assert "a bug" not in own_server.log


def test_what_is_under_way_is_finished_and_nothing_new_is_taken(own_server: Served, long_file: bytes) -> None:
    answers: list[bytes] = []

    def first() -> None:
        answers.append(ask(own_server, long_file))

    asking = threading.Thread(target=first)
    asking.start()
    until(lambda: running(own_server) == 1)
    own_server.process.send_signal(signal.SIGINT)
    until(lambda: "stopping; 1 requests" in own_server.log)
    late = ask(own_server, long_file)
    assert late.startswith(b"HTTP/1.1 503 ") and b"server_stopping" in late and b"retry-after" in late.lower()
    asking.join(120)
    assert answers[0].startswith(b"HTTP/1.1 200 ")
    assert own_server.process.wait(200) == 0
    assert list(own_server.temporary.iterdir()) == []
