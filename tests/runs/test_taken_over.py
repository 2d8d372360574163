"""A run that takes over the training of another one and reads it with another decoder."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reproducing import Told
from searched import RECIPE, finished, options

from asr.claims.verify import verify
from asr.errors import RunError
from asr.recipe_file import changed
from asr.runs.options import RunOptions
from asr.runs.record import Record, read_record
from asr.runs.run import run
from asr.runs.seal import canonical_digest
from asr.training.reports import Interrupted

OTHER = changed(RECIPE, ["decoder.word_scores=[0.5]", "decoder.lm_weights=[0.25, 0.5]"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.getbasetemp() / "searched")


@pytest.fixture
def settings(base: Path, tmp_path: Path) -> RunOptions:
    return replace(options(base.parent, "run"), out=tmp_path / "again", trained=base)


@pytest.fixture(scope="module")
def anew(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same recipe without anything taken over."""
    out = tmp_path_factory.mktemp("anew") / "run"
    return run(OTHER, replace(options(base.parent, "run"), out=out))[0]


@pytest.fixture
def learned_anew(anew: Path) -> Record:
    return read_record(anew)


def read_by(record: Record) -> dict[str, Any]:
    """The search, without the time that it took."""
    assert record.search is not None
    return {key: value for key, value in record.search if key not in ("seconds", "real_time_factor")}


def test_it_is_the_run_that_would_have_learned_anew(
    base: Path, settings: RunOptions, learned_anew: Record
) -> None:
    before, told = read_record(base), Told()
    folder, record = run(OTHER, settings, told)
    assert told.steps == 0
    assert record.status == "complete" and record.trained_in == canonical_digest(before.seal)
    for key in ("recipe", "recipe_digest", "corpus", "tokenizer", "model", "results", "outcomes", "trail"):
        assert getattr(record, key) == getattr(learned_anew, key), key
    assert read_by(record) == read_by(learned_anew) != read_by(before)
    texts = {name: digest for name, digest in learned_anew.files.items() if "hypotheses" in name}
    assert texts.items() <= record.files.items()
    assert record.epochs == before.epochs and len(record.sessions) == len(before.sessions) + 1
    assert verify(folder).verdict == "verified"
    assert json.loads((folder / "model/model.json").read_text())["recipe_digest"] == OTHER.digest()
    assert read_record(base) == before  # as it was
    assert run(OTHER, settings, told)[1] == record  # complete: only read


def test_interrupted_and_gone_on_with(settings: RunOptions, learned_anew: Record) -> None:
    """With --trained or without it, once it has begun."""
    assert settings.out
    tuning = settings.out / "tuning.json"
    with pytest.raises(Interrupted):
        run(OTHER, settings, should_stop=tuning.exists)
    assert read_record(settings.out).status == "interrupted"
    told = Told()
    _, record = run(OTHER, replace(settings, trained=None), told)
    assert told.steps == 0
    assert read_by(record) == read_by(learned_anew)


def test_killed_while_it_copied(
    settings: RunOptions, learned_anew: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("asr.runs.taken_over.save_bundle", killed)
        with pytest.raises(KeyboardInterrupt):
            run(OTHER, settings)
    assert settings.out
    assert (settings.out / "hypotheses" / "dev.jsonl").exists()
    with pytest.raises(RunError, match=r"not empty \(.*\) and no run"):
        run(OTHER, replace(settings, trained=None))
    assert read_by(run(OTHER, settings)[1]) == read_by(learned_anew)
    assert not (settings.out / "taking-over").exists()


def test_a_folder_of_somebody_else_is_left_alone(settings: RunOptions) -> None:
    assert settings.out
    (settings.out / "model").mkdir(parents=True)
    (settings.out / "model" / "model.json").write_text("years of work", encoding="utf-8")
    with pytest.raises(RunError, match=r"not empty \(model\) and no run; choose another --out"):
        run(OTHER, settings)
    assert (settings.out / "model" / "model.json").read_text(encoding="utf-8") == "years of work"


def test_another_training_in_the_same_folder_is_refused(
    settings: RunOptions, learned_anew: Record, anew: Path
) -> None:
    run(OTHER, settings)
    with pytest.raises(RunError, match=r"has taken over another training; choose another --out"):
        run(OTHER, replace(settings, trained=anew))


def test_another_recipe_is_refused(settings: RunOptions) -> None:
    other = changed(OTHER, ["train.epochs=5", "seed=3"])
    with pytest.raises(
        RunError, match=r"by another recipe \(seed, train differs\), and only \[decoder\] may"
    ):
        run(other, settings)
    assert settings.out
    assert not (settings.out / "record.json").exists()
    assert run(RECIPE, settings)[1].status == "complete"  # it does not stand in the way of the mended one


def test_what_is_not_as_its_record_says_is_refused(base: Path, settings: RunOptions, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    path = copy / "hypotheses" / "dev.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(RunError, match=r"dev.jsonl: is not the file that its record tells of"):
        run(OTHER, replace(settings, trained=copy))
    tree = json.loads((copy / "record.json").read_text(encoding="utf-8"))
    (copy / "record.json").write_text(json.dumps({**tree, "status": "interrupted"}), encoding="utf-8")
    with pytest.raises(RunError, match=r"no complete run of record format 2 \(it is interrupted"):
        run(OTHER, replace(settings, trained=copy))


def test_a_folder_that_learns_by_itself_is_left_alone(base: Path, settings: RunOptions) -> None:
    with pytest.raises(RunError, match=r"holds a run that learns by itself; choose another --out"):
        run(OTHER, replace(settings, out=base))
    with pytest.raises(RunError, match=r"complete, and its test part was read .* --trained .* another --out"):
        run(OTHER, replace(settings, out=base, trained=None))
