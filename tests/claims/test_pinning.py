"""Numerics are set as the record had them, before torch is imported, and the user is told where that cannot be."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import by_hand
import pytest
from by_hand import with_key

from asr import numerics
from asr.claims.pinning import pin_like
from asr.errors import DeviceError
from asr.runs.record import Record, read_record

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
BOTH = ("AVX2", "AVX512")


@pytest.fixture(autouse=True)
def unpinned() -> Iterator[None]:
    """None of the deciding variables is set, but one that no record has; afterwards all are as before."""
    before = dict(os.environ)
    for name in numerics.DECIDING:
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


def pinned() -> dict[str, str]:
    return {name: os.environ[name] for name in numerics.DECIDING if name in os.environ}


def has(monkeypatch: pytest.MonkeyPatch, *instructions: str) -> None:
    """This processor has these."""
    monkeypatch.setattr(numerics, "instruction_sets", lambda: instructions)


def strict(monkeypatch: pytest.MonkeyPatch, *instructions: str, **changes: str) -> Record:
    """A record of a strict run on a processor with these."""
    has(monkeypatch, *instructions)
    numerics.pin()
    variables = {**pinned(), **changes}
    for name in variables:
        os.environ.pop(name, None)
    made = by_hand.record()
    return made.model_copy(
        update={"environment": made.environment.model_copy(update={"variables": variables})}
    )


@pytest.mark.parametrize("here", [BOTH, ("AVX2",)])
def test_as_the_record_had_them(monkeypatch: pytest.MonkeyPatch, here: tuple[str, ...]) -> None:
    """A record of AVX2 is computed with AVX2 on a processor that has more."""
    record = strict(monkeypatch, "AVX2")
    os.environ["MKL_CBWR"] = "COMPATIBLE"  # of the shell
    os.environ["DNNL_MAX_CPU_ISA"] = "SSE41"
    has(monkeypatch, *here)
    assert pin_like(record, record.recipe) == ""
    assert pinned() == record.environment.variables
    assert (os.environ["ATEN_CPU_CAPABILITY"], os.environ["OMP_NUM_THREADS"]) == ("avx2", "1")


def test_instructions_that_this_processor_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    record = strict(monkeypatch, *BOTH)
    assert record.environment.variables["ATEN_CPU_CAPABILITY"] == "avx512"
    has(monkeypatch, "AVX2")
    assert pin_like(record, record.recipe) == (
        "the record was computed with AVX512, and this processor has AVX2: other bits are to be expected"
    )
    assert os.environ["ATEN_CPU_CAPABILITY"] == "avx2"
    assert os.environ["MKL_NUM_THREADS"] == "1"
    has(monkeypatch)
    assert "has neither AVX2 nor AVX512: other bits" in pin_like(record, record.recipe)


def test_where_the_record_had_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another architecture: nothing was chosen, and nothing is."""
    record = strict(monkeypatch)
    assert "ATEN_CPU_CAPABILITY" not in record.environment.variables
    has(monkeypatch, *BOTH)
    assert pin_like(record, record.recipe) == ""
    assert pinned() == record.environment.variables


def test_without_determinism_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    record = with_key(strict(monkeypatch, *BOTH), numerics__determinism="off")
    assert pin_like(record, record.recipe) == ""
    assert pinned() == {}


def test_a_changed_mode_is_the_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--set numerics...` is meant: the record's own variables would undo it."""
    record = strict(monkeypatch, *BOTH)
    assert pin_like(record, with_key(record, numerics__determinism="off").recipe) == ""
    assert pinned() == {}
    assert pin_like(record, with_key(record, numerics__instructions="AVX2").recipe) == ""
    assert os.environ["ATEN_CPU_CAPABILITY"] == "avx2"
    loose = with_key(record, numerics__determinism="off")
    assert pin_like(loose, record.recipe) == ""
    assert os.environ["ATEN_CPU_CAPABILITY"] == "avx512"
    has(monkeypatch, "AVX2")
    with pytest.raises(DeviceError, match="numerics.instructions = AVX512: this processor has AVX2"):
        pin_like(record, with_key(record, numerics__instructions="AVX512").recipe)


@pytest.mark.parametrize("name", ["yesno", "digits", "fsdd", "an4"])
def test_committed_records_of_format_1(name: str) -> None:
    """They limited the threads and left the rest to the libraries; so does who repeats them."""
    os.environ["MKL_CBWR"] = "AVX2,STRICT"
    record = read_record(RESULTS / name / "seed1.json")
    assert pin_like(record, record.recipe) == ""
    wanted = {key: value for key, value in record.environment.variables.items() if key in numerics.DECIDING}
    assert pinned() == wanted
    assert (wanted["OMP_NUM_THREADS"], wanted.get("MKL_CBWR")) == ("1", None)


def test_what_does_not_decide_bits_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    record = strict(monkeypatch, "AVX2", MKL_VERBOSE="1", OMP_WAIT_POLICY="active")
    monkeypatch.setenv("OMP_PROC_BIND", "close")
    assert pin_like(record, record.recipe) == ""
    assert "MKL_VERBOSE" not in os.environ
    assert os.environ["OMP_PROC_BIND"] == "close"


def test_torch_is_not_there_yet(tmp_path: Path) -> None:
    """What is set after torch is imported comes too late. `asr reproduce` reads the record and pins first."""
    program = f"""
import sys
from asr.claims import pinning
from asr.cli.main import main
from asr.errors import RunError

def pin_like(record, recipe):
    print("torch" in sys.modules, record.recipe.name)
    raise RunError("seen")

pinning.pin_like = pin_like
sys.exit(main(["reproduce", {str(RESULTS / "yesno" / "seed1.json")!r}]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "False yesno\n", "asr: seen\n")
