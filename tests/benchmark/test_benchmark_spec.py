"""A benchmark's file: what is wrong is named, with what is allowed."""

from pathlib import Path

import pytest

from asr.benchmark.errors import BenchmarkError
from asr.benchmark.spec import benchmark_of, load_benchmark

RECIPES = Path(__file__).resolve().parents[2] / "recipes" / "benchmarks"
GOOD = """
name = "x"
[[corpora]]
name = "an4"
[[systems]]
kind = "command"
name = "one"
command = "hear {audio}"
"""


def load(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    load_benchmark(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "x"', 'name = "x"\ntexts = "en-1"', "unknown key texts; allowed here: about, alpha, bootstrap, cores"),
        ('name = "an4"', 'name = "an4"\nsplit = "dev"', r"unknown key corpora.0.split; allowed here: manifest, most"),
        ('name = "one"', 'name = "one"\nfoo = 1', r"unknown key systems.0.foo; allowed here: at_once, command"),
        ('kind = "command"', 'kind = "kaldi"', r"systems.0.kind: 'kaldi' is none; known are attest, command, openai"),
        ('kind = "command"\n', "", r"systems.0.kind: None is none"),
        ('name = "one"\n', "", r"key systems.0.name is missing"),
        ('command = "hear {audio}"\n', "", r"key systems.0.command is missing"),
        ('name = "x"', 'name = "x"\ncommand = "hear"', r"unknown key command; allowed here: about"),
        ('name = "x"', 'name = "x"\ntext = "en-9"', r"text: .*'en-1'.*got 'en-9'"),
        ('name = "x"', 'name = "x"\nalpha = 0.9', r"alpha: .*less than 0.5 \(got 0.9\)"),
        ('name = "x"', 'name = "X y"', r"name: .*pattern.*got 'X y'"),
        ('name = "an4"', 'name = "an4"\nmanifest = "a.jsonl"\nreader = "an4"', r"corpora.0: a manifest stands"),
        ('name = "an4"', 'name = "an4"\nrecipe = "an4.toml"', r'corpora.0: recipe says .*set part = "dev"'),
        ("[[corpora]]", '[[systems]]\nkind = "command"\nname = "ONE"\ncommand = "a {audio}"\n[[corpora]]',
         r"the file: two systems are called 'ONE|the file: two systems are called 'one'"),
        ("[[systems]]", "[systems]", r"systems: .*"),
        ('name = "x"', 'name = "x', "not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    load(tmp_path, GOOD)
    with pytest.raises(BenchmarkError, match=message):
        load(tmp_path, GOOD.replace(old, new, 1))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no such file"):
        load_benchmark(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff")
    with pytest.raises(BenchmarkError, match="not a readable text file"):
        load_benchmark(tmp_path / "x.toml")


def test_what_was_read_is_read_again_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(GOOD, encoding="utf-8")
    benchmark = load_benchmark(tmp_path / "x.toml")
    assert benchmark_of(benchmark.model_dump(mode="json"), "record") == benchmark


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_those_of_the_project_can_be_read(path: Path) -> None:
    benchmark = load_benchmark(path)
    assert benchmark.name == path.stem
    for system in benchmark.systems:
        assert system.system(path.parent).concurrent in (True, False)
