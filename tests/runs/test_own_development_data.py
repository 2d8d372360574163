"""A run whose development data is the corpus's own, and whose errors are counted by character."""

import json
from pathlib import Path

import miniature
import pytest

from asr.cli.main import main
from asr.corpora import prepare
from asr.corpora.own import write_manifests
from asr.runs.options import RunOptions
from asr.runs.record import read_record
from asr.runs.run import run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny run from a folder of manifests with a dev.jsonl."""
    home = tmp_path_factory.mktemp("own-dev")
    corpus = prepare("an4", miniature.write_corpus(home, train=12, test=3), home / "cache", check=False)
    learn = [u for u in corpus.splits["train"] if u.speaker != "dora"]
    dev = [u for u in corpus.splits["train"] if u.speaker == "dora"]
    write_manifests(home / "mine", {"train": learn, "dev": dev, "test": corpus.splits["test"]}, "an4")
    recipe = miniature.recipe(
        corpus={"name": "manifest", "dev_split": "dev", "waive": ["texts"]},
        train__epochs=1,
        score={"unit": "character", "bootstrap": 20},
    )
    options = RunOptions(
        corpus=home / "mine",
        out=home / "run",
        cache=home / "cache",
        check_lock=True,
        command="asr run own.toml",
    )
    return run(recipe, options)[0]


def test_development_data_is_the_corpus_s(finished: Path) -> None:
    record = read_record(finished)
    assert record.corpus is not None
    assert {name: (part.utterances, part.speakers) for name, part in record.corpus.splits.items()} == {
        "train": (9, 3),
        "dev": (3, 1),
        "test": (3, 2),
    }
    assert set(record.corpus.identity) == {"train", "dev", "test"}
    assert record.corpus.splits["dev"].digest == record.corpus.identity["dev"]


def test_unit_is_named_and_everything_fits_it(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = json.loads((finished / "record.json").read_text())
    test = tree["results"]["test"]
    assert test["unit"] == "character"
    lines = (finished / "hypotheses/test.jsonl").read_text().splitlines()
    letters = sum(len("".join(json.loads(line)["reference"].split())) for line in lines)
    assert test["words"]["reference_length"] == letters
    assert main(["verify", str(finished)]) == 0
    assert "verified" in capsys.readouterr().out
    assert main(["show", str(finished)]) == 0
    shown = capsys.readouterr().out
    assert f"in {letters} characters)" in shown
    assert "WER" not in shown.replace("dev WER", "")


def test_other_development_data_is_noticed(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads((finished / "record.json").read_text())
    tree["corpus"]["identity"]["dev"] = tree["corpus"]["identity"]["test"]
    (tmp_path / "record.json").write_text(json.dumps(tree))
    assert main(["verify", str(tmp_path / "record.json")]) == 1
    assert "corpus.identity.dev: is" in capsys.readouterr().out
