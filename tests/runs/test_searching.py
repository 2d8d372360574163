"""The last stage of a run with a search: what it leaves, and that an interruption in it costs nothing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reproducing import Told
from searched import RECIPE, SENTENCES, finished, options

from asr.claims.verify import verify
from asr.cli.main import main
from asr.decoding.bundled import bundled_reader
from asr.errors import RecipeError, RunError
from asr.evaluation.decode import log_probs_alone
from asr.evaluation.tuning import Grid, Point, Surface
from asr.manifest import read_manifest
from asr.model.bundle import load_bundle
from asr.recipe import Decoder
from asr.recipe_file import changed
from asr.runs.folder import RunFolder
from asr.runs.record import Record, read_record
from asr.runs.run import run
from asr.runs.searching import Kept
from asr.training.reports import Interrupted


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.getbasetemp() / "searched")


@pytest.fixture
def record(base: Path) -> Record:
    return read_record(base)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_record_holds_all_of_it(base: Path, record: Record) -> None:
    search = record.search
    assert search is not None and search.language_model is not None and search.lexicon is not None
    surface = _surface(record)
    assert [point.weights for point in surface.points] == list(Grid.of(RECIPE.decoder))
    best = surface.best
    used = search.settings
    assert (used.lm_weight, used.word_score, used.prior_weight, used.beam, 0) == best.weights
    words = search.results["dev"].words
    assert words.substitutions + words.deletions + words.insertions == best.word_errors
    assert (search.language_model.source, search.language_model.texts[0].sentences) == ("lm/text.txt", 4)
    assert search.lexicon.source == "train" and not search.lexicon.open
    assert record.tokenizer is not None and len(search.priors) == record.tokenizer.size
    assert list(record.named_files) == ["lm/text.txt"]
    assert {"hypotheses/dev-search.jsonl", "hypotheses/test-search.jsonl", "model/decoder.json"} <= set(
        record.files
    )
    assert not RunFolder(base).tuning.exists()


def _surface(record: Record) -> Surface:
    assert record.search is not None
    points = tuple(Point(**point.model_dump()) for point in record.search.surface)
    return Surface(points, record.recipe.decoder.tune_by)


def test_greedy_results_stay_where_they_are(base: Path, record: Record) -> None:
    assert record.results.keys() == record.outcomes.keys() == {"dev", "test"}
    greedy = {item["id"]: item["hypothesis"] for item in lines(base / "hypotheses" / "test.jsonl")}
    searched = {item["id"]: item["hypothesis"] for item in lines(base / "hypotheses" / "test-search.jsonl")}
    assert greedy.keys() == searched.keys() and greedy != searched
    assert all(set(text.split()) <= {"go", "no", "see", "yes", "one"} for text in searched.values())


def test_the_bundle_reads_what_the_run_has_read(base: Path) -> None:
    folder = RunFolder(base)
    bundle = load_bundle(folder.bundle)
    reader = bundled_reader(folder.bundle, bundle)
    utterances = list(read_manifest(folder.manifest("test")))
    heard = log_probs_alone(bundle.model, utterances[::-1], workers=2)
    texts = {each.id: reader(log_probs).text for each, log_probs in zip(utterances[::-1], heard, strict=True)}
    there = {item["id"]: item["hypothesis"] for item in lines(folder.hypotheses("test", search=True))}
    assert texts == there


def test_interrupted_while_it_chooses(base: Path, record: Record, tmp_path: Path) -> None:
    """What was tried is kept, the next session goes on with the next point, and the end is the same."""
    home = base.parent
    told, settings = Told(), replace(options(home, "run"), out=tmp_path / "run")
    folder = RunFolder(tmp_path / "run")

    def tried() -> list[dict[str, Any]]:
        if not folder.tuning.exists():
            return []
        points: list[dict[str, Any]] = json.loads(folder.tuning.read_text(encoding="utf-8"))["points"]
        return points

    with pytest.raises(Interrupted):
        run(RECIPE, settings, told, lambda: len(tried()) >= 5)
    before = tried()
    assert 5 <= len(before) < 12
    assert read_record(folder.path).search is None and read_record(folder.path).results
    assert "decoder" not in json.loads((folder.bundle / "model.json").read_text(encoding="utf-8"))
    # A point that could not have come out shows that it was not tried again; one that does not decide.
    surface = _surface(record)
    row = next(
        row for row in range(len(before)) if spoiled(surface, row).best.weights == surface.best.weights
    )
    tree = json.loads(folder.tuning.read_text(encoding="utf-8"))
    tree["points"][row]["word_errors"] = 999
    folder.tuning.write_text(json.dumps(tree), encoding="utf-8")
    steps = told.steps
    (_, found) = run(RECIPE, settings, told)
    assert told.steps == steps  # and neither was the training
    assert _surface(found) == spoiled(surface, row)
    for part in ("dev", "test"):
        name = f"hypotheses/{part}-search.jsonl"
        assert found.files[name] == record.files[name]
    assert not folder.tuning.exists()


def test_another_decoder_before_the_end(
    base: Path, record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was learned stays, and is read as if the run had begun with that decoder."""
    told, settings = Told(), replace(options(base.parent, "run"), out=tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(Interrupted):
        run(RECIPE, settings, told, folder.tuning.exists)
    steps = told.steps
    lists = ["decoder.word_scores=[0.5]", "decoder.lm_weights=[0.25]"]
    other = changed(RECIPE, [*lists, 'decoder.tune_by="expected"'])
    (_, found) = run(other, settings, told)
    assert any("goes on with another [decoder]" in message for message in told.messages)
    assert told.steps == steps
    assert (found.recipe, found.recipe_digest) == (other, other.digest())
    assert found.model == record.model and found.results == record.results
    assert {point.word_score for point in _surface(found).points} == {0.5}
    assert all(point.expected_errors is not None for point in _surface(found).points)
    assert found.search is not None
    assert found.search.settings.prior_weight == _surface(found).best.prior_weight
    assert verify(folder.path).verdict == "verified"
    assert main(["show", str(folder.path), "--decoder"]) == 0
    assert "* chosen: fewest expected word errors" in capsys.readouterr().out
    with pytest.raises(RunError, match=r"complete, and its test part was read with another"):
        run(RECIPE, settings, told)


@pytest.mark.parametrize("other", [{"kind": "greedy"}, {"kind": "beam", "lexicon": "train"}])
def test_another_decoder_once_it_is_chosen(base: Path, tmp_path: Path, other: dict[str, Any]) -> None:
    """The test part may have been read by the one that was chosen: no second one reads it unseen."""
    told, settings = Told(), replace(options(base.parent, "run"), out=tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(Interrupted):
        run(RECIPE, settings, told, folder.hypotheses("dev", search=True).exists)
    with pytest.raises(
        RunError, match=r"its \[decoder\] has been chosen, and its test part may have been read"
    ):
        run(RECIPE.model_copy(update={"decoder": Decoder.model_validate(other)}), settings, told)
    assert run(RECIPE, settings, told)[1].status == "complete"  # with its own it goes on


def spoiled(surface: Surface, row: int) -> Surface:
    points = list(surface.points)
    points[row] = replace(points[row], word_errors=999)
    return Surface(tuple(points))


def test_points_of_other_weights_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "tuning.json"
    kept = Kept.open(path, ["weights", "recipe"])
    kept.keep(priors=(0.5, 0.5))
    kept.keep(points=[Point(1.0, 0.0, 0.0, 8, 3, 4)])
    assert Kept.open(path, ["weights", "recipe"]) == kept
    other = Kept.open(path, ["other weights", "recipe"])
    assert (other.priors, other.points) == ((), ())


def test_what_is_wrong_is_said_before_the_training(base: Path, tmp_path: Path) -> None:
    home, told = base.parent, Told()
    for change, said in (
        ('decoder.language_model="nowhere.txt"', "decoder.language_model: no file 'nowhere.txt'"),
        ('decoder.lexicon="empty.txt"', "no words in it"),
    ):
        (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
        settings = replace(options(home, "run"), out=tmp_path / "run", files=(home, tmp_path), fresh=True)
        with pytest.raises(RecipeError, match=said):
            run(changed(RECIPE, [change]), settings, told)
    assert told.steps == 0


def test_a_file_that_changed_on_the_way_is_refused(base: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(base.parent / "an4", home / "an4")
    (home / "lm").mkdir()
    (home / "lm" / "text.txt").write_text(SENTENCES, encoding="utf-8")
    asked = [0]

    def third_time() -> bool:
        asked[0] += 1
        return (home / "run" / "model").exists() or asked[0] > 40

    with pytest.raises(Interrupted):
        run(RECIPE, options(home, "run"), None, third_time)
    (home / "lm" / "text.txt").write_text("go\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"lm/text\.txt: is not the file of this run .*--fresh"):
        run(RECIPE, options(home, "run"))


def test_training_does_not_depend_on_it(base: Path, record: Record) -> None:
    """A checkpoint of a run without a search can be gone on with: the settings of the training have the same digest."""
    from asr.runs.corpus_used import settings_digest

    assert record.corpus is not None
    greedy = changed(RECIPE, ["decoder={}"])
    assert greedy.decoder.kind == "greedy" and greedy.digest() != RECIPE.digest()
    assert settings_digest(greedy, record.corpus) == settings_digest(RECIPE, record.corpus)
