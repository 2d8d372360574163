"""From texts to a file, and what lies beside it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from lm_oracle import probability
from made_text import made_text

from asr.errors import LanguageModelError
from asr.files import sha256_file
from asr.lm.arpa_reader import read_arpa
from asr.lm.description import beside, read_description
from asr.lm.train import Settings, train


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{line}\n" for line in made_text("train", 300)), encoding="utf-8")
    return path


def test_what_lies_beside_says_how_it_was_made(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "models" / "model.arpa"
    (tmp_path / "words").write_text("w0 w1 w2 w3 zero", encoding="utf-8")
    made = train([text], out, Settings(prune=(0, 0, 1), prune_entropy=1e-7), tmp_path / "words")
    assert read_description(out) == made
    assert sorted(path.name for path in out.parent.iterdir()) == ["model.arpa", "model.arpa.json"]
    assert made.sha256 == sha256_file(out)
    assert made.texts[0].sha256 == sha256_file(text)
    assert (made.unit, made.text_version, made.order, made.sentences) == ("word", "plain-1", 3, 300)
    assert made.prune == (0, 0, 1)
    assert 0 < made.unknown < made.words
    assert made.ngrams == read_arpa(out).counts
    assert str(tmp_path) not in beside(out).read_text(encoding="utf-8")


def test_a_description_of_another_file_is_noticed(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.arpa"
    assert read_description(out) is None
    train([text], out, Settings())
    out.write_text(out.read_text(encoding="utf-8").replace("-99", "-98"), encoding="utf-8")
    with pytest.raises(LanguageModelError, match="model.arpa.json: describes another file than model.arpa"):
        read_description(out)
    beside(out).write_text(json.dumps({"format": 2}), encoding="utf-8")
    with pytest.raises(
        LanguageModelError, match="no description of a language model: key format: Input should be 1"
    ):
        read_description(out)


def test_bytes_depend_on_nothing_but_the_text(text: Path, tmp_path: Path) -> None:
    """Not on Python's hash seed, nor on the order of the sentences."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom asr.lm.train import Settings, train\n"
        "train([Path(sys.argv[1])], Path(sys.argv[2]), Settings(order=3, prune_entropy=1e-6))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        line = [sys.executable, "-c", code, text, tmp_path / f"{seed}.arpa"]
        subprocess.run(line, check=True, env=environment, timeout=200)
    lines = text.read_text(encoding="utf-8").splitlines(keepends=True)
    text.write_text("".join(reversed(lines)), encoding="utf-8")
    train([text], tmp_path / "3.arpa", Settings(order=3, prune_entropy=1e-6))
    one, two, three = ((tmp_path / f"{seed}.arpa").read_bytes() for seed in "123")
    assert one == two == three


def test_characters(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no one\non no\n", encoding="utf-8")
    made = train([tmp_path / "text.txt"], tmp_path / "model.arpa.gz", Settings(unit="character"))
    assert (made.order, made.unit) == (6, "character")
    model = read_arpa(tmp_path / "model.arpa.gz")
    assert set(model.words) == {"<unk>", "<s>", "</s>", "n", "o", "e", "▁"}
    assert probability(model, "▁", ("<s>", "n", "o")) > probability(model, "e", ("<s>", "n", "o"))


def test_a_vocabulary_of_characters_has_the_space(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no one\n", encoding="utf-8")
    (tmp_path / "letters").write_text("n o p\n", encoding="utf-8")
    arguments = (
        [tmp_path / "text.txt"],
        tmp_path / "model.arpa",
        Settings(unit="character"),
        tmp_path / "letters",
    )
    assert train(*arguments).unknown == 1
    assert set(read_arpa(tmp_path / "model.arpa").words) == {"<unk>", "<s>", "</s>", "n", "o", "p", "▁"}
    (tmp_path / "letters").write_text("n one", encoding="utf-8")
    with pytest.raises(LanguageModelError, match="letters: 'one' is no character"):
        train(*arguments)


def test_a_text_is_not_overwritten(text: Path, tmp_path: Path) -> None:
    before = text.read_bytes()
    with pytest.raises(LanguageModelError, match="text.txt: is a text to learn from"):
        train([text], tmp_path / "." / text.name, Settings())
    assert text.read_bytes() == before
    with pytest.raises(LanguageModelError, match="is a folder; name the file of the model"):
        train([text], tmp_path, Settings())
    assert not tmp_path.with_name(f"{tmp_path.name}.json").exists()


def test_the_order_that_nobody_asked_for_fits_the_text(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("yes\nno\nno\n", encoding="utf-8")
    made = train(
        [tmp_path / "text.txt"], tmp_path / "model.arpa", Settings(unit="character", prune=(0, 0, 1))
    )
    assert (made.order, made.prune) == (4, (0, 0, 1, 1, 1))  # <s> n o </s>; <s> y e s </s> is pruned away
    with pytest.raises(LanguageModelError, match="the text has no 6-grams: its longest sentence has 3 words"):
        train([tmp_path / "text.txt"], tmp_path / "model.arpa", Settings(unit="character", order=6))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 0}, "the order must be 1 or more, got 0"),
        ({"order": 2, "prune": (0, 0, 1)}, "need 1 to 2 thresholds"),
        ({"prune_entropy": -1.0}, "must be 0 or more, got -1.0"),
        ({"prune_entropy": float("inf")}, "must be 0 or more, got inf"),
        ({"fallback": (0.5, 1.0, 3.5)}, "0 < D3 <= 3"),
        ({"fallback": (0.0, 1.0, 1.5)}, "0 < D1 <= 1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**settings)  # type: ignore[arg-type]


@pytest.fixture
def build_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for KenLM's program."""
    program = tmp_path / "bin" / "build_binary"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ngrep -q ngram "$1" && echo binary > "$2"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return program


@pytest.mark.parametrize("name", ["model.bin", "model.klm"])
def test_a_kenlm_binary(name: str, text: Path, tmp_path: Path, build_binary: Path) -> None:
    made = train([text], tmp_path / name, Settings())
    assert (tmp_path / name).read_text(encoding="utf-8") == "binary\n"
    assert made.sha256 == sha256_file(tmp_path / name)


def test_a_kenlm_binary_that_cannot_be_built(text: Path, tmp_path: Path, build_binary: Path) -> None:
    build_binary.write_text("#!/bin/sh\necho loading >&2\necho no memory >&2\nexit 1\n", encoding="utf-8")
    with pytest.raises(LanguageModelError, match="model.bin: build_binary failed: no memory"):
        train([text], tmp_path / "model.bin", Settings())
    assert not list(tmp_path.glob("*model.bin*"))


def test_without_build_binary_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LanguageModelError, match="which is not on the PATH; write model.arpa"):
        train([tmp_path / "none.txt"], tmp_path / "model.bin", Settings())
