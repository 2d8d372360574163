"""What took effect, read back from the libraries: in fresh processes, where nothing has been decided yet."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from asr import numerics
from asr.runs import numerics_used
from asr.runs.numerics_used import NumericsUsed, numerics_differences, read_numerics

# As `asr run` does it; `early` is a program that has computed something before it calls asr.
SCRIPT = """
import sys
early, determinism, instructions, workers = sys.argv[1:]
if early == "early":
    import torch
    torch.nn.LSTM(8, 8)(torch.ones(3, 2, 8))
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
from asr import numerics
numerics.pin(determinism, instructions)
import torch
from asr.runs.numerics_used import read_numerics
numerics.choose_device("cpu", determinism)
torch.set_num_threads(numerics.share_cores(determinism, int(workers))[1])
print("before", flush=True)
used = read_numerics(determinism)
again = read_numerics(determinism)
assert used == again, (used, again)
print(used.model_dump_json())
"""
CASES = {
    "AVX2": ("late", "strict", "AVX2", "4"),
    "auto": ("late", "strict", "auto", "4"),
    "off": ("late", "off", "AVX2", "3"),
    "early": ("early", "strict", "AVX2", "4"),
}
needs_avx512 = pytest.mark.skipif(
    "AVX512" not in numerics.instruction_sets(), reason="needs a processor that has AVX512 beside AVX2"
)


@pytest.fixture(scope="module")
def used() -> dict[str, NumericsUsed]:
    """Of each case; all at once, as they spend their time on starting."""
    environment = {name: value for name, value in os.environ.items() if name not in numerics.DECIDING}
    started = {
        case: subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for case, arguments in CASES.items()
        if numerics.instruction_sets() or arguments[2] == "auto"
    }
    found = {}
    for case, process in started.items():
        output, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        before, line = output.splitlines()  # the libraries' own words were caught
        assert before == "before"
        found[case] = NumericsUsed.model_validate_json(line)
    return found


needs_x86 = pytest.mark.skipif(
    not numerics.instruction_sets(), reason="needs x86-64 with AVX2, where kernels are chosen"
)


@needs_x86
def test_pinned_to_avx2(used: dict[str, NumericsUsed]) -> None:
    """Also on a processor that has more: it must show up in what the libraries say of themselves."""
    found = used["AVX2"]
    assert (found.aten, found.onednn) == ("AVX2", "Intel AVX2")
    assert found.mkl.endswith("STRICT")
    assert (found.determinism, found.threads, found.gradient_sum) == ("strict", 1, "int64")
    assert found.deterministic_algorithms
    assert found.cudnn == {"benchmark": False, "deterministic": True}
    assert found.float32 == {"matmul": "ieee", "cudnn.rnn": "ieee", "cudnn.conv": "ieee"}


@needs_avx512
def test_pinned_to_the_best_that_there_is(used: dict[str, NumericsUsed]) -> None:
    found = used["auto"]
    assert found.aten == "AVX512"
    assert "AVX-512" in found.onednn
    assert numerics_differences(used["AVX2"], found) == [
        "aten: AVX2 before, AVX512 now",
        f"onednn: Intel AVX2 before, {found.onednn} now",
    ]


@needs_x86
def test_without_strict_determinism(used: dict[str, NumericsUsed]) -> None:
    """Nothing is pinned, many threads compute, and floats are added."""
    found = used["off"]
    assert (found.determinism, found.threads, found.gradient_sum) == ("off", 3, "float32")
    assert not found.deterministic_algorithms
    assert not found.cudnn["deterministic"]
    assert not found.mkl.endswith("STRICT")
    if "AVX512" in numerics.instruction_sets():
        assert found.aten == "AVX512"  # AVX2 was asked for
        assert "AVX-512" in found.onednn


@needs_avx512
def test_pinned_too_late_says_what_took_effect(used: dict[str, NumericsUsed]) -> None:
    """The libraries had chosen before. What was asked for is not what is recorded."""
    found = used["early"]
    assert found.aten == "AVX512"
    assert "AVX-512" in found.onednn
    assert not found.mkl.endswith("STRICT")
    assert found.threads == 1  # this can still be mended, and was
    differences = numerics_differences(used["AVX2"], found)
    assert [line.partition(":")[0] for line in differences] == ["aten", "onednn", "mkl"]


ONEDNN = (
    "onednn_verbose,v1,info,oneDNN v3.11.2 (commit x)\nonednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:1\n"
    "onednn_verbose,v1,info,cpu,isa:Intel AVX2 \nonednn_verbose,v1,info,gpu,runtime:none\n"
)
MKL = (
    "MKL_VERBOSE oneMKL 2024.0 Update 2\n"
    "MKL_VERBOSE SGEMM(N,N,32,32,32,0x7ffd) 13.06us CNR:AVX2,STRICT Dyn:0 FastMM:1 TID:0  NThr:1\n"
)


def test_reports_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerics_used, "_onednn_report", lambda: ONEDNN)
    monkeypatch.setattr(numerics_used, "_mkl_report", lambda: MKL)
    found = read_numerics("strict")
    assert (found.onednn, found.mkl) == ("Intel AVX2", "AVX2,STRICT")


def test_libraries_that_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerics_used, "_onednn_report", lambda: "")
    monkeypatch.setattr(numerics_used, "_mkl_report", lambda: "warming up\n")
    found = read_numerics("off")
    assert (found.onednn, found.mkl, found.determinism) == ("", "", "off")


def test_output_is_itself_again_after_a_report(capfd: pytest.CaptureFixture[str]) -> None:
    print("one")
    read_numerics("strict")
    print("two")
    os.write(1, b"three\n")
    sys.stdout.flush()
    assert sorted(capfd.readouterr().out.split()) == ["one", "three", "two"]


def test_a_process_without_an_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service may have closed it: then nothing can be caught, and nothing is said."""

    def refuse(descriptor: int) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "dup", refuse)
    monkeypatch.setattr(numerics_used, "_onednn", "")
    found = read_numerics("strict")
    assert (found.onednn, found.mkl) == ("", "")


def some(**changes: Any) -> NumericsUsed:
    tree = {
        "determinism": "strict",
        "threads": 1,
        "aten": "AVX2",
        "onednn": "Intel AVX2",
        "mkl": "AUTO,STRICT",
        "gradient_sum": "int64",
        "deterministic_algorithms": True,
        "cudnn": {"benchmark": False, "deterministic": True},
        "float32": {"matmul": "ieee", "cudnn.rnn": "ieee", "cudnn.conv": "ieee"},
    }
    return NumericsUsed.model_validate_json(json.dumps(tree | changes))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"threads": 4}, "threads: 1 before, 4 now"),
        ({"mkl": ""}, "mkl: AUTO,STRICT before,  now"),
        ({"gradient_sum": "float32"}, "gradient_sum: int64 before, float32 now"),
        (
            {"float32": {"matmul": "tf32"}},
            "float32: {'matmul': 'ieee', 'cudnn.rnn': 'ieee', 'cudnn.conv': 'ieee'} before, {'matmul': 'tf32'} now",
        ),
    ],
)
def test_differences_in_words(change: dict[str, Any], said: str) -> None:
    assert numerics_differences(some(), some(**change)) == [said]
    assert numerics_differences(some(), some()) == []
