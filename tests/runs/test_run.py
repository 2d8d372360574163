"""A whole run on a miniature corpus: what it leaves, and what it refuses."""

import fcntl
import json
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import miniature
import pytest

from asr.errors import RunError, TrainingError
from asr.evaluation.hypotheses import Hypothesis, score_hypotheses
from asr.files import sha256_file
from asr.manifest import Utterance, identity, read_manifest
from asr.model.bundle import load_bundle, weights_digest
from asr.recipe import Recipe
from asr.recipe_file import load_recipe
from asr.runs.folder import default_folder
from asr.runs.options import RunOptions
from asr.runs.record import Record, read_record, schema
from asr.runs.run import run
from asr.runs.watcher import RunWatcher
from asr.training.reports import EpochReport, Interrupted, StepReport

RECIPE = miniature.recipe()


class Told(RunWatcher):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.stages: list[str] = []
        self.steps = 0
        self.epochs: list[int] = []

    def on_message(self, text: str) -> None:
        self.messages.append(text)

    def on_progress(self, what: str, done: int, total: int) -> None:
        assert 0 <= done <= total or total == 0
        if what not in self.stages:
            self.stages.append(what)

    def on_step(self, report: StepReport) -> None:
        self.steps += 1

    def on_epoch(self, report: EpochReport) -> None:
        self.epochs.append(report.epoch)


@pytest.fixture(scope="module")
def options(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> RunOptions:
    folder = tmp_path_factory.mktemp("run")
    return RunOptions(
        corpus=corpus,
        out=folder / "out",
        cache=folder / "cache",
        workers=2,
        check_lock=False,
        command="asr run miniature",
    )


@pytest.fixture(scope="module")
def done(options: RunOptions) -> tuple[Path, Record, Told]:
    """A complete run."""
    told = Told()
    return *run(RECIPE, options, told), told


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_there_and_nothing_else(done: tuple[Path, Record, Told]) -> None:
    folder, record, _ = done
    kept = {
        "recipe.toml",
        "metrics.jsonl",
        "model/README.md",
        "model/model.json",
        "model/weights.safetensors",
        "hypotheses/dev.jsonl",
        "hypotheses/test.jsonl",
    }
    manifests = {f"manifests/{split}.jsonl" for split in ("train", "dev", "test")}
    # Three epochs of three steps: the training is cut into four by checkpoints that fall on ends of epochs.
    checkpoints = {"checkpoints/step-0000003.safetensors", "checkpoints/step-0000006.safetensors"}
    assert names(folder) == kept | manifests | checkpoints | {"record.json", ".lock"}
    assert record.files == {name: sha256_file(folder / name) for name in sorted(kept)}
    assert record.checkpoints == {name: sha256_file(folder / name) for name in sorted(checkpoints)}


def test_record_is_complete_and_valid(done: tuple[Path, Record, Told]) -> None:
    folder, record, _ = done
    assert record.status == "complete"
    assert read_record(folder) == record
    tree = json.loads((folder / "record.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(tree, schema())
    assert record.recipe_digest == RECIPE.digest() == record.recipe.digest()
    assert load_recipe(folder / "recipe.toml") == RECIPE
    assert (record.command, record.results.keys()) == ("asr run miniature", {"dev", "test"})
    (session,) = record.sessions
    assert session.started <= session.finished
    assert (session.workers, session.device) == (2, "cpu")
    assert session.peak_memory > 2**26
    assert record.times is not None
    assert record.times.training > 0
    assert 0 < record.times.real_time_factor < 10


def test_record_says_what_the_corpus_was(done: tuple[Path, Record, Told]) -> None:
    folder, record, _ = done
    used = record.corpus
    assert used is not None
    assert (used.name, used.source, used.source_sha256) == ("an4", "an4", "")
    assert (used.synthetic, used.lock, used.left_out, used.shared.speakers) == (False, "not checked", [], [])
    assert {name: part.utterances for name, part in used.splits.items()} == {"train": 18, "dev": 6, "test": 6}
    for name, part in used.splits.items():
        utterances: Sequence[Utterance] = read_manifest(folder / "manifests" / f"{name}.jsonl")
        assert part.digest == identity(utterance.digest for utterance in utterances)
        assert part.seconds == pytest.approx(sum(utterance.duration for utterance in utterances), abs=1e-3)
        assert part.speakers == len({utterance.speaker for utterance in utterances})


def test_no_speaker_is_in_two_parts(done: tuple[Path, Record, Told]) -> None:
    folder, _, _ = done
    parts = [
        {utterance.speaker for utterance in read_manifest(folder / "manifests" / f"{name}.jsonl")}
        for name in ("train", "dev", "test")
    ]
    assert [len(speakers) for speakers in parts] == [3, 1, 2]
    assert len(set.union(*parts)) == 6


def test_record_names_no_place_on_this_machine(done: tuple[Path, Record, Told], corpus: Path) -> None:
    folder, _, _ = done
    for path in (folder / "record.json", folder / "model" / "model.json", *folder.glob("hypotheses/*")):
        text = path.read_text(encoding="utf-8")
        assert str(corpus.parent) not in text
        assert str(Path.home()) not in text or str(Path.home()) == "/"


@pytest.mark.parametrize("part", ["dev", "test"])
def test_hypotheses_are_what_the_score_is_of(done: tuple[Path, Record, Told], part: str) -> None:
    folder, record, _ = done
    found = lines(folder / "hypotheses" / f"{part}.jsonl")
    assert [item["id"] for item in found] == sorted(item["id"] for item in found)
    hypotheses = [
        Hypothesis(item["id"], item["speaker"], item["reference"], item["hypothesis"]) for item in found
    ]
    again = score_hypotheses(hypotheses, RECIPE.score.bootstrap).to_json()
    result = record.results[part].model_dump(mode="json")
    assert result == json.loads(json.dumps(again))
    assert sum(item["errors"]["substitutions"] for item in found) == record.results[part].words.substitutions
    assert len(found) == record.results[part].sentences == 6
    references = {item["id"]: item["reference"] for item in found}
    for utterance in read_manifest(folder / "manifests" / f"{part}.jsonl"):
        assert references[utterance.id] == miniature.words_of(utterance.id).lower()


def test_bundle_is_the_best_model_and_says_what_the_run_said(
    done: tuple[Path, Record, Told], corpus: Path
) -> None:
    from asr.transcribe.transcriber import Transcriber

    folder, record, _ = done
    bundle = load_bundle(folder / "model")
    assert record.model is not None
    assert record.tokenizer is not None
    assert weights_digest(bundle.model.state_dict()) == record.model.weights_digest
    assert sum(value.numel() for value in bundle.model.parameters()) == record.model.parameters
    assert bundle.description.recipe_digest == record.recipe_digest
    assert bundle.tokenizer.digest() == record.tokenizer.digest
    assert bundle.tokenizer.size == record.tokenizer.size == len(set("".join(miniature.WORDS))) + 2
    hypotheses = {item["id"]: item["hypothesis"] for item in lines(folder / "hypotheses" / "test.jsonl")}
    transcriber = Transcriber(folder)
    for utterance in read_manifest(folder / "manifests" / "test.jsonl"):
        assert transcriber(utterance.audio_filepath).text == hypotheses[utterance.id]


def test_epochs(done: tuple[Path, Record, Told]) -> None:
    folder, record, told = done
    assert told.epochs == [1, 2, 3]
    assert record.model is not None
    assert [epoch.epoch for epoch in record.epochs] == [1, 2, 3]
    assert record.model.steps == told.steps == sum(epoch.steps for epoch in record.epochs)
    assert [epoch.model_dump(mode="json") for epoch in record.epochs] == lines(folder / "metrics.jsonl")
    best = max(epoch.epoch for epoch in record.epochs if epoch.best)
    assert record.model.best_epoch == best
    assert record.results["dev"] == record.epochs[best - 1].dev  # the same model on the same speech


def test_stages_are_told(done: tuple[Path, Record, Told]) -> None:
    assert done[2].stages == ["decode an4", "decoding dev", "decoding test"]
    assert done[2].messages == []


def test_second_call_only_reads_and_says_so(done: tuple[Path, Record, Told], options: RunOptions) -> None:
    folder, record, _ = done
    before = {name: (folder / name).stat().st_mtime_ns for name in names(folder) - {".lock"}}
    for corpus in (options.corpus, None):
        told = Told()
        assert run(RECIPE, replace(options, corpus=corpus), told) == (folder, record)
        # The corpus that is named is compared with that of the run.
        assert (told.steps, told.stages) == (0, ["decode an4"] if corpus else [])
        since = record.sessions[-1].finished
        assert (
            told.messages[0] == f"{folder}: complete since {since}, nothing is computed again; --fresh does"
        )
    assert {name: (folder / name).stat().st_mtime_ns for name in names(folder) - {".lock"}} == before


def test_complete_run_is_not_shown_for_a_corpus_that_is_not_there(
    done: tuple[Path, Record, Told], options: RunOptions
) -> None:
    with pytest.raises(RunError, match="/gone: no such file or folder"):
        run(RECIPE, replace(options, corpus=Path("/gone")))
    assert read_record(done[0]).status == "complete"


def test_complete_run_is_not_shown_for_another_archive(
    corpus: Path, tmp_path: Path, options: RunOptions
) -> None:
    recipe = miniature.recipe(train__epochs=1)
    for name in ("one", "two"):
        with tarfile.open(tmp_path / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(corpus, "an4")
            archive.add(__file__, name)  # the speech is the same, the archive is not
    mine = replace(options, out=tmp_path / "out", corpus=tmp_path / "one.tar.gz")
    _, record = run(recipe, mine)
    assert run(recipe, mine)[1] == record
    with pytest.raises(RunError, match=r"is of another archive than .*two.tar.gz"):
        run(recipe, replace(mine, corpus=tmp_path / "two.tar.gz"))


def test_other_settings_in_the_same_folder(done: tuple[Path, Record, Told], options: RunOptions) -> None:
    for other in (miniature.recipe(seed=2), miniature.recipe(train__epochs=4)):
        with pytest.raises(RunError, match=r"holds a run of other settings .*seed 1\); .*--out.*--fresh"):
            run(other, options)
    assert read_record(done[0]).status == "complete"


def test_folder_of_strangers_is_refused_and_left_alone(tmp_path: Path, options: RunOptions) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / ".film.mkv.part").write_text("half a film")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / ".x.part").write_text("half a model")
    for fresh in (False, True):
        with pytest.raises(RunError, match="not empty .*thesis.txt.* and no run; choose another --out"):
            run(RECIPE, replace(options, out=tmp_path, fresh=fresh))
    assert names(tmp_path) == {"thesis.txt", ".film.mkv.part", "model/.x.part", ".lock"}


def test_out_that_can_be_no_folder(tmp_path: Path, options: RunOptions) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunError, match=str(out)):
            run(RECIPE, replace(options, out=out))


def test_folder_in_use_is_refused(tmp_path: Path, options: RunOptions) -> None:
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another process is working on this run"):
            run(RECIPE, replace(options, out=tmp_path / "out"))


def test_record_of_another_kind_is_refused(tmp_path: Path, options: RunOptions) -> None:
    (tmp_path / "record.json").write_text('{"format": 7}')
    with pytest.raises(RunError, match="record format 7; this version of Attest reads formats 1 to 2"):
        run(RECIPE, replace(options, out=tmp_path))


def test_fresh_starts_over(done: tuple[Path, Record, Told], tmp_path: Path, options: RunOptions) -> None:
    folder = Path(shutil.copytree(done[0], tmp_path / "out"))
    (folder / "tensorboard").mkdir()
    (folder / "tensorboard" / "events").write_text("old")
    other = miniature.recipe(seed=2, train__epochs=1)
    _, record = run(other, replace(options, out=folder, fresh=True))
    assert (record.status, record.recipe.seed, len(record.sessions)) == ("complete", 2, 1)
    assert not (folder / "tensorboard").exists()
    assert record.model is not None
    assert done[1].model is not None
    assert record.model.weights_digest != done[1].model.weights_digest


def test_interrupted_and_resumed(
    done: tuple[Path, Record, Told], tmp_path: Path, options: RunOptions
) -> None:
    _, record, _ = done
    mine = replace(options, out=tmp_path / "out", workers=1)
    with pytest.raises(Interrupted):
        run(RECIPE, mine, should_stop=miniature.on_step(6))
    halfway = read_record(tmp_path / "out")
    assert halfway.status == "interrupted"
    assert halfway.sessions[0].finished
    assert (halfway.model, halfway.results, halfway.files) == (None, {}, {})
    jsonschema.validate(json.loads((tmp_path / "out" / "record.json").read_text()), schema())
    _, resumed = run(RECIPE, replace(mine, workers=3))
    assert [session.workers for session in resumed.sessions] == [1, 3]
    assert resumed.model == record.model
    assert resumed.results == record.results
    for name in ("model/weights.safetensors", "model/model.json", "hypotheses/test.jsonl", "recipe.toml"):
        assert resumed.files[name] == record.files[name], name
    times = {"seconds"}
    for mended, whole in zip(resumed.epochs, record.epochs, strict=True):
        assert mended.model_dump(exclude=times) == whole.model_dump(exclude=times)
    assert not list((tmp_path / "out").glob("*.safetensors"))  # what training needed is gone


def test_other_corpus_does_not_go_on(tmp_path: Path, options: RunOptions) -> None:
    mine = replace(options, out=tmp_path / "out")
    with pytest.raises(Interrupted):
        run(RECIPE, mine, should_stop=miniature.on_step(8))
    before = read_record(tmp_path / "out")
    assert before.corpus is not None
    other = miniature.write_corpus(tmp_path / "other", train=20)
    with pytest.raises(
        (TrainingError, RunError), match="another recipe or corpus|other corpus|another corpus"
    ):
        run(RECIPE, replace(mine, corpus=other))
    after = read_record(tmp_path / "out")
    assert after.corpus == before.corpus  # the record still tells of the corpus that was learned from
    assert after.epochs == before.epochs
    assert run(RECIPE, mine)[1].status == "complete"


def test_leftovers_of_the_dead_are_swept_and_not_published(
    tmp_path: Path, options: RunOptions, done: tuple[Path, Record, Told]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        run(RECIPE, replace(options, out=out), should_stop=miniature.on_step(3))
    left = (
        ".checkpoint.safetensors.a1.part",
        "model/.weights.safetensors.b2.part",
        "manifests/.dev.jsonl.c3.part",
    )
    for name in left:
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(bytes(1000))
    _, record = run(RECIPE, replace(options, out=out))
    assert record.files.keys() == done[1].files.keys()
    assert not [name for name in names(out) if name.endswith(".part")]


def test_left_out_utterances_are_named(tmp_path: Path, options: RunOptions, corpus: Path) -> None:
    recipe = miniature.recipe(corpus__max_seconds=1.0, train__epochs=1)
    told = Told()
    _, record = run(recipe, replace(options, out=tmp_path / "out"), told)
    assert record.corpus is not None
    assert 0 < len(record.corpus.left_out) < 18
    train = read_manifest(tmp_path / "out" / "manifests" / "train.jsonl")
    long = {utterance.id for utterance in train if utterance.duration > 1}
    assert {item.id for item in record.corpus.left_out} == long
    assert all("longer than corpus.max_seconds = 1" in item.reason for item in record.corpus.left_out)
    assert [message.partition(": ")[0] for message in told.messages] == ["left out of training"] * len(long)


def test_default_folder_is_named_by_the_content() -> None:
    def named(recipe: Recipe) -> str:
        return default_folder(recipe).as_posix()

    assert named(RECIPE) == f"runs/miniature-s1-{RECIPE.digest()[:8]}"
    others = [miniature.recipe(seed=2), miniature.recipe(train__epochs=4)]
    assert len({named(recipe) for recipe in [RECIPE, *others]}) == 3


def test_a_language_of_tones_is_learned(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Unheard speakers, real decoding, real score: a fault anywhere in the chain leaves this near 100 %."""
    _, folder = miniature.trained(tmp_path_factory.getbasetemp())
    record = read_record(folder)
    assert record.results["test"].wer < 0.1
    assert record.results["test"].words.reference_length > 10
    assert record.results["test"].cer <= record.results["test"].wer
