"""`asr shards` as a user meets it."""

from collections.abc import Callable
from pathlib import Path

import miniature
import pytest

from asr.cli.main import main
from asr.corpora import prepare


def call(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return miniature.write_corpus(tmp_path, train=6, test=2)


def test_packs_a_corpus(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shards"
    options = ("--corpus", corpus, "--cache", tmp_path / "cache", "--any-corpus")
    assert call("shards", "an4", "--out", out, "--size", "100 kB", *options) == 0
    shards = sorted(out.glob("*.tar"))
    size = sum(path.stat().st_size for path in shards) / 1e6
    expected = f"{out}: {len(shards)} shards, {size:.1f} MB (test 2, train 6 utterances)\n"
    assert capsys.readouterr().out == expected
    packed = prepare("shards", out, tmp_path / "cache", check=False)
    assert packed.locks == prepare("an4", corpus, tmp_path / "cache", check=False).locks
    assert call("shards", "an4", "--out", out, *options) == 1
    assert capsys.readouterr().err.endswith(
        "shards: holds finished shards; choose another folder, or delete it first\n"
    )


def test_what_is_left_out_is_named(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "wav/an4_clstk/bert/an1-bert-b.wav").write_text("noise")
    options = ("--corpus", corpus, "--cache", tmp_path / "cache", "--any-corpus")
    assert call("shards", "an4", "--out", tmp_path / "shards", *options) == 0
    captured = capsys.readouterr()
    assert "(test 2, train 5 utterances)" in captured.out
    assert captured.err.startswith("asr: left out: an1-bert-b: ")


@pytest.mark.parametrize("size", ["10", "256", "1.5", "-1MB", "big", "1TB", "99kB", ""])
def test_sizes_that_cannot_be(size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call("shards", "an4", "--out", tmp_path / "x", f"--size={size}")
    assert "expected a size like 256MB or 1GB, 100kB or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (lambda folder: ("wsj", "--out", folder / "x"), "no corpus is called 'wsj'"),
        (lambda folder: ("manifest", "--out", folder / "x"), "say where with --corpus FOLDER"),
        (lambda folder: ("an4", "--out", folder), "not empty (an4); choose another folder"),
        (
            lambda folder: ("an4", "--out", folder / "x", "--corpus", folder / "gone"),
            "gone: no such file or folder",
        ),
        (lambda folder: ("an4", "--out", folder / "an4/etc/an4_test.fileids/x"), "an4_test.fileids/x"),
    ],
)
def test_mistakes(
    corpus: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: Callable[[Path], tuple[object, ...]],
    complaint: str,
) -> None:
    given = words(tmp_path)
    given = given if "--corpus" in given or given[0] != "an4" else (*given, "--corpus", corpus)
    assert call("shards", *given, "--cache", tmp_path / "cache", "--any-corpus") == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_recipe_of_another_corpus(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--corpus", corpus, "--cache", tmp_path / "cache", "--any-corpus")
    assert call("shards", "an4", "--out", tmp_path / "shards", *options) == 0
    again = ("--corpus", tmp_path / "shards", "--cache", tmp_path / "cache", "--any-corpus")
    assert call("shards", "an4", "--out", tmp_path / "other", *again) == 1
    assert (
        'these are shards, and the recipe asks for an4; say corpus.name = "shards"' in capsys.readouterr().err
    )
