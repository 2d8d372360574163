"""Models by corpora: the same figures as a run's own, and what is outside an alphabet."""

import json
from dataclasses import replace
from pathlib import Path

import miniature
import pytest

from asr.cli.main import main
from asr.cli.matrix import parted
from asr.errors import CorpusError, RunError
from asr.evaluation.matrix import Heard, SpokenPart, evaluate_on
from asr.manifest import read_manifest, write_manifest
from asr.runs.record import read_record


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return miniature.trained(tmp_path_factory.getbasetemp())


def test_a_cell_has_the_figures_of_the_run(trained: tuple[Path, Path]) -> None:
    _, run = trained
    own = SpokenPart("own", list(read_manifest(run / "manifests" / "test.jsonl")), "", {})
    cell = evaluate_on(Heard.of("m", run / "model"), own, bootstrap=50)
    result = read_record(run).results["test"]
    assert (cell.normalised.wer, cell.normalised.cer) == (result.wer, result.cer)
    assert cell.normalised.words.reference_length == result.words.reference_length
    assert cell.raw.wer == 1  # the corpus writes upper case, the model lower case
    assert cell.out_of_alphabet == 0


def test_what_is_outside_the_alphabet(trained: tuple[Path, Path]) -> None:
    """Of "GO QUICK", seven letters, the model has g, o and c, i, k, q, u not."""
    _, run = trained
    first = next(iter(read_manifest(run / "manifests" / "test.jsonl")))
    alphabet = {letter.lower() for letter in miniature.LETTERS}
    assert set("go") <= alphabet and not set("quick") & alphabet
    other = SpokenPart("other", [replace(first, text="GO QUICK")], "", {})
    cell = evaluate_on(Heard.of("m", run / "model"), other, bootstrap=50)
    assert (cell.outside, cell.characters) == (5, 7)


def test_the_matrix_from_the_command_line(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, run = trained
    manifest = tmp_path / "two.jsonl"
    write_manifest(manifest, list(read_manifest(run / "manifests" / "test.jsonl"))[:2])
    cache = ["--cache", str(tmp_path / "cache"), "--any-corpus", "--out", str(tmp_path / "matrix.json")]
    assert main(["evaluate", str(run), str(run / "model"), f"an4={corpus}", str(manifest), *cache]) == 0
    out = capsys.readouterr().out
    assert "out of alphabet" in out
    tree = json.loads((tmp_path / "matrix.json").read_text())
    assert [(cell["model"], cell["corpus"]) for cell in tree["cells"]] == [
        ("run", "an4"), ("run", "two"), ("model", "an4"), ("model", "two")
    ]  # fmt: skip
    assert tree["cells"][0]["wer"] == read_record(run).results["test"].wer
    assert tree["corpora"][0]["identity"] == read_record(run).corpus.splits["test"].digest  # type: ignore[union-attr]
    assert str(tmp_path) not in json.dumps(tree)  # no place of this machine


def test_corpora_that_are_called_alike(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Two files test.jsonl in one matrix are not both "test"."""
    spoken = list(read_manifest(trained[1] / "manifests" / "test.jsonl"))
    manifests = [tmp_path / name / "test.jsonl" for name in ("mine", "yours")]
    for number, path in enumerate(manifests):
        path.parent.mkdir()
        write_manifest(path, spoken[number : number + 1])
    arguments = [str(trained[1]), *map(str, manifests), "--out", str(tmp_path / "matrix.json")]
    assert main(["evaluate", *arguments]) == 0
    tree = json.loads((tmp_path / "matrix.json").read_text())
    assert [cell["corpus"] for cell in tree["cells"]] == list(map(str, manifests))


def test_what_is_neither_a_model_nor_a_corpus(trained: tuple[Path, Path]) -> None:
    _, run = trained
    assert parted([str(run), "an4", "fsdd=x.tar.gz", "a.jsonl"]) == (
        [str(run)],
        ["an4", "fsdd=x.tar.gz", "a.jsonl"],
    )
    with pytest.raises(RunError, match="neither a model .* nor a corpus"):
        parted([str(run), "nowhere"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "{run}"], "expected models and corpora, got 2 and 0"),
        (["an4", "fsdd"], "got 0 and 2"),
        (["{run}", "an4=/nowhere.tar.gz"], "/nowhere.tar.gz"),
        (
            ["{run}", "an4={corpus}", "--any-corpus", "--part", "dev"],
            "has no dev part; it has train, test; what a recipe holds out",
        ),
        (["{run}", "an4", "--lm", "x.arpa", "--decoder", "beam"], "--lm is for one run"),
        (["{run}", "--text", "en-1"], "--text is for models and corpora"),
        (["{run}", "--part", "train"], "--part train is for models and corpora"),
    ],
)
def test_mistakes(
    trained: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    given = [each.format(run=trained[1], corpus=trained[0]) for each in arguments]
    assert main(["evaluate", *given, "--cache", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_a_development_part_of_its_own_by_character(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = list(read_manifest(trained[1] / "manifests" / "test.jsonl"))[:3]
    for number, split in enumerate(("train", "dev", "test")):
        write_manifest(tmp_path / f"{split}.jsonl", spoken[number : number + 1])
    given = [
        str(trained[1]),
        f"manifest={tmp_path}",
        "--part",
        "dev",
        "--text",
        "zh-1",
        "--unit",
        "character",
    ]
    assert (
        main(["evaluate", *given, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "m.json")]) == 0
    )
    out = capsys.readouterr().out
    assert "errors / characters" in out and "by character" in out and "WER" not in out
    tree = json.loads((tmp_path / "m.json").read_text())
    assert (tree["part"], tree["text"], tree["cells"][0]["unit"]) == ("dev", "zh-1", "character")
    letters = len("".join(spoken[1].text.split()))
    assert tree["cells"][0]["words"]["reference_length"] == letters


def test_an_unknown_version_of_texts(trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", str(trained[1]), "an4", "--text", "en-9"])
    assert "invalid choice: 'en-9' (choose from 'plain-1', 'basic-1'" in capsys.readouterr().err


def test_nothing_is_said(trained: tuple[Path, Path]) -> None:
    first = next(iter(read_manifest(trained[1] / "manifests" / "test.jsonl")))
    silent = SpokenPart("silent", [replace(first, text="?!")], "", {})
    with pytest.raises(CorpusError, match="silent: none of its 1 utterances has a text"):
        evaluate_on(Heard.of("m", trained[1] / "model"), silent, text="basic-1")
