"""L1: same recipe, same machine, the same digests of weights, optimiser and cursor at every step.

In fresh processes, whatever the environment, the locale, the working directory and the number of workers.
"""

from itertools import pairwise
from pathlib import Path

import pytest
from sessions import PATIENCE, STEPS, Run, facts, recipe

from asr import numerics
from asr.runs.record import Record

# What a user's shell, a container or a batch system may have set. Unpinned, each would enter the bits or the speed.
ENVIRONMENTS = {
    2: {
        **{"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4", "MKL_DYNAMIC": "TRUE"},
        **{"OPENBLAS_NUM_THREADS": "4", "PYTHONHASHSEED": "random"},
    },
    3: {
        **{"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16"},
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "MALLOC_PERTURB_": "165"},
    },
    4: {
        **{"ONEDNN_MAX_CPU_ISA": "SSE41", "DNNL_MAX_CPU_ISA": "SSE41", "OMP_PROC_BIND": "true"},
        **{"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"},
    },
}


@pytest.fixture(scope="module")
def others(
    corpus: Path, tmp_path_factory: pytest.TempPathFactory, uninterrupted: Record
) -> dict[int, Record]:
    """By the number of workers. All at once, since they spend their time on starting."""
    started = {}
    for workers, environment in ENVIRONMENTS.items():
        run = Run(tmp_path_factory.mktemp(f"workers-{workers}"), corpus, recipe())
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        started[workers] = run, run.fresh(workers=workers, environment=environment, cwd=elsewhere)
    try:
        for run, process in started.values():
            assert process.wait(PATIENCE) == 0, run.said
    finally:
        for _, process in started.values():
            process.kill()
    return {workers: run.record for workers, (run, _) in started.items()}


@pytest.mark.parametrize("workers", ENVIRONMENTS)
def test_every_digest_of_every_step(others: dict[int, Record], uninterrupted: Record, workers: int) -> None:
    record = others[workers]
    assert record.sessions[0].workers == workers
    for found, expected in zip(record.trail, uninterrupted.trail, strict=True):
        assert found == expected  # the first step that differs, not a wall of digests
    assert facts(record) == facts(uninterrupted)


@pytest.mark.parametrize("workers", ENVIRONMENTS)
def test_what_took_effect_is_not_what_the_shell_says(
    others: dict[int, Record], uninterrupted: Record, workers: int
) -> None:
    assert others[workers].numerics == uninterrupted.numerics
    pinned, expected = others[workers].environment.variables, uninterrupted.environment.variables
    deciding = [name for name in (pinned.keys() | expected.keys()) if name in numerics.DECIDING]
    assert {name: pinned.get(name) for name in deciding} == {name: expected.get(name) for name in deciding}


def test_what_took_effect_is_recorded(uninterrupted: Record) -> None:
    used = uninterrupted.numerics
    assert used is not None
    assert (used.determinism, used.threads, used.gradient_sum) == ("strict", 1, "int64")
    assert used.deterministic_algorithms
    assert used.cudnn == {"benchmark": False, "deterministic": True}
    assert set(used.float32.values()) == {"ieee"}
    if sets := numerics.instruction_sets():
        assert used.aten == sets[-1]  # auto is the best that there is
        assert sets[-1].removeprefix("AVX") in used.onednn.replace("-", "")
        assert used.mkl.endswith(
            "STRICT"
        )  # on other makes than Intel's MKL turns AVX2 into AUTO, and says so


def test_a_trail_of_every_step(uninterrupted: Record) -> None:
    """Every digest moves when its part does, and the fingerprints are four digits a step."""
    trail = uninterrupted.trail
    assert len(trail) == STEPS + 1
    assert (trail[0].heard, trail[0].loss, trail[0].gradient) == ("", "", "")
    assert trail[0].weights == trail[0].average
    for before, after in pairwise(trail[1:]):  # in the first step the rate is still 0
        for part in ("heard", "loss", "gradient", "weights", "average", "optimiser", "cursor"):
            assert getattr(after, part) != getattr(before, part), (after.step, part)
    for entry in trail[1:]:
        assert [len(entry.heard), len(entry.loss), len(entry.gradient)] == [4, 4, 4]


def test_another_seed_is_another_trail(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    """The trail is not equal because it would always be."""
    other = Run(tmp_path, corpus, recipe(seed=2, train__epochs=1)).finish()
    for found, expected in zip(other.trail, uninterrupted.trail, strict=False):
        assert found.weights != expected.weights
        assert not found.heard or found.heard != expected.heard
