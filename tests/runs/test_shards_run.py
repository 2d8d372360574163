"""Training from shards: the same bits from disk and from an address, interrupted, and in several processes."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import miniature
import pytest

from asr.corpora import prepare
from asr.corpora.shard_writer import write_shards
from asr.recipe import Recipe
from asr.runs.options import RunOptions
from asr.runs.record import Record
from asr.runs.run import run
from asr.training.plan import WINDOW
from asr.training.reports import Interrupted

RECIPE = miniature.recipe(corpus__name="shards", train__epochs=2, train__digest_every=1)


def pack(corpus: Path, folder: Path, size: int) -> Path:
    cache = folder.parent / "cache-of-packing"
    write_shards(prepare("an4", corpus, cache, check=False), folder, size, progress=lambda *_: None)
    return folder


@pytest.fixture(scope="module")
def shards(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More of them than a window has."""
    folder = pack(corpus, tmp_path_factory.mktemp("packed") / "shards", 20_480)
    assert len(list(folder.glob("train-*.tar"))) > WINDOW + 2
    return folder


def trained(source: Path | str, folder: Path, recipe: Recipe = RECIPE, **changes: Any) -> Record:
    options = {"corpus": Path(source), "out": folder / "run", "cache": folder / "cache", "check_lock": False}
    return run(recipe, RunOptions(**options | changes))[1]


@pytest.fixture(scope="module")
def expected(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return trained(shards, tmp_path_factory.mktemp("disk"))


def facts(record: Record) -> tuple[Any, ...]:
    assert record.model is not None
    assert record.corpus is not None
    return record.trail, record.model.weights_digest, record.outcomes, record.corpus.splits


def test_shards_of_one_window_are_the_files(corpus: Path, tmp_path: Path) -> None:
    """Not a bit of the training tells whether its audio lay in files or in shards."""
    folder = pack(corpus, tmp_path / "shards", 2_000_000)
    assert len(list(folder.glob("train-*.tar"))) == 1
    plain = trained(corpus, tmp_path / "plain", miniature.recipe(train__epochs=2, train__digest_every=1))
    from_shards = trained(folder, tmp_path / "packed")
    assert from_shards.trail[-1].weights == plain.trail[-1].weights
    assert [entry.heard for entry in from_shards.trail] == [entry.heard for entry in plain.trail]
    assert facts(from_shards)[1:] == facts(plain)[1:]


def test_several_windows_are_another_order_of_the_same(
    expected: Record, corpus: Path, tmp_path: Path
) -> None:
    plain = trained(corpus, tmp_path, miniature.recipe(train__epochs=2, train__digest_every=1))
    assert plain.trail[0] == expected.trail[0]
    assert plain.trail[1].heard != expected.trail[1].heard
    assert facts(plain)[3] == facts(expected)[3]


def test_from_memory_the_same_bits(shards: Path, expected: Record, tmp_path: Path) -> None:
    import fsspec

    system = fsspec.filesystem("memory")
    for path in shards.iterdir():
        system.pipe(f"/miniature/{path.name}", path.read_bytes())
    try:
        assert facts(trained("memory://miniature", tmp_path, workers=2)) == facts(expected)
    finally:
        system.rm("/miniature", recursive=True)


def test_interrupted_in_the_middle_of_an_epoch(shards: Path, expected: Record, tmp_path: Path) -> None:
    recipe = RECIPE
    for count in (3, 5):
        options = RunOptions(corpus=shards, out=tmp_path / "run", cache=tmp_path / "cache", check_lock=False)
        with pytest.raises(Interrupted):
            run(recipe, options, should_stop=stop_in_training(tmp_path / "run", count))
    assert facts(trained(shards, tmp_path)) == facts(expected)


def stop_in_training(folder: Path, steps: int) -> Any:
    """Says yes so many steps after there is a tokenizer, so once the training is under way."""
    asked = [0]

    def should_stop() -> bool:
        asked[0] += (folder / "manifests" / "dev.jsonl").exists()
        return asked[0] >= steps

    return should_stop


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(shards: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(shards))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as opened:
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{opened.server_port}"
        opened.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_and_a_web_server(
    server: str, expected: Record, tmp_path: Path, processes: int
) -> None:
    assert facts(trained(server, tmp_path, processes=processes)) == facts(expected)
