"""A slice of benchmarks/server_fuzz.py: each kind of bad upload, twice, against a real server."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from bad_uploads import MAKERS
from served import Served

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "server_fuzz.py"


@pytest.fixture(scope="module")
def server_fuzz() -> ModuleType:
    specification = importlib.util.spec_from_file_location("server_fuzz", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    before = list(sys.path)
    specification.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_bad_uploads_get_the_right_answers_and_leave_nothing(server: Served, server_fuzz: ModuleType) -> None:
    """The server has the limits that the cases are made for."""
    found = server_fuzz.fuzz(server, seed=2, count=2 * len(MAKERS))
    assert found["wrong"] == []
    assert sum(found["answers"].values()) == 2 * len(MAKERS)
    assert found["answers"]["good: 200"] == 2
    assert server.memory < 1.3 * found["memory"][0]


def test_the_fuzzer_sees_what_is_wrong(server_fuzz: ModuleType) -> None:
    case = server_fuzz.Case("a kind", b"", frozenset({400}))
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n\r\n"
    shape = b'{"error": {"message": "%s", "type": "t", "param": null, "code": "c"}}'
    assert server_fuzz.complaint(case, 400, head % 400 + shape % b"fine") is None
    assert "status 200" in server_fuzz.complaint(case, 200, head % 200)
    assert "/tmp" in server_fuzz.complaint(case, 400, head % 400 + shape % b"/tmp/tmpabc is bad")
    assert "THE-SECRET" in server_fuzz.complaint(case, 400, head % 400 + shape % server_fuzz.SECRET)
    assert "shape" in server_fuzz.complaint(case, 400, head % 400 + b'{"error": {"message": "no code"}}')
    assert "without JSON" in server_fuzz.complaint(case, 400, b"HTTP/1.1 400 X\r\n\r\nplain text")
