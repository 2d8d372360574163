"""The benchmark of many utterances still measures every stage. What they cost is for an idle machine to say."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "corpus_size.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    specification = importlib.util.spec_from_file_location("corpus_size", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_stage_is_measured(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All in this process, of a few utterances, once."""
    monkeypatch.setattr(benchmark.manifest_index, "LEAST", 1)
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    benchmark.write_manifest(tmp_path / "train.jsonl", benchmark.made_up(60))
    found = {}
    for measure in benchmark.PARTS.values():
        found |= measure(60, tmp_path)
    assert found.keys() == benchmark.STAGES.keys()
    assert all(measured.seconds > 0 for measured in found.values())
    benchmark.print_table({60: found})
    assert [line.partition("  ")[0] for line in capsys.readouterr().out.splitlines()[3:]] == list(
        benchmark.STAGES
    )
    assert (
        json.loads(json.dumps(benchmark._tree({60: found})))["sizes"]["60"].keys() == benchmark.STAGES.keys()
    )
