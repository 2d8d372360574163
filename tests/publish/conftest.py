"""A run to publish."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import miniature
import pytest

from asr.publish.export import Contents, export
from asr.publish.publication import Publication
from asr.runs.record import read_record, write_record


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run; not to be changed."""
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed at will."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="session")
def crate(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crate of the finished run, with everything that can be in one; not to be changed."""
    out = tmp_path_factory.mktemp("publish") / "crate"
    export(
        trained, out, Publication("CC-BY-4.0", "Ada Lovelace", "0000-0002-1825-0097"), Contents(texts=True)
    )
    return out


@pytest.fixture
def publish(run: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a crate of the run after changing top-level keys of its record; keys of the corpus as corpus__KEY."""

    def publish(contents: Contents | None = None, agent: str = "", **changes: Any) -> Path:
        tree = read_record(run).model_dump(mode="json")
        for key, value in changes.items():
            table, _, last = key.rpartition("__")
            (tree[table] if table else tree)[last] = value
        (run / "record.json").write_text(json.dumps(tree))
        write_record(run, read_record(run))
        export(run, tmp_path / "crate", Publication("Apache-2.0", agent), contents)
        return tmp_path / "crate"

    return publish


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Every file of a folder by its path inside."""

    def contents(folder: Path) -> dict[str, bytes]:
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    return contents


@pytest.fixture(scope="session")
def entities() -> Callable[[Path], dict[str, dict[str, Any]]]:
    """Every entity of a crate by its @id."""

    def entities(crate: Path) -> dict[str, dict[str, Any]]:
        graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
        found = {entity["@id"]: entity for entity in graph}
        assert len(found) == len(graph), "two entities with one @id"
        return found

    return entities
