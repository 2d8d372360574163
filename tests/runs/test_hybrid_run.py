"""A run with an attention decoder, from its recipe to what is transcribed with its bundle."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import miniature
import pytest

from asr.claims.verify import verify
from asr.cli.main import main
from asr.decoding.bundled import DECODER, bundled_decoder, bundled_reader, load_decoder
from asr.ensemble.averaging import Likeness
from asr.ensemble.members import Member, Members
from asr.errors import BundleError, EnsembleError, RecipeError
from asr.evaluation.decode import log_probs_alone
from asr.evaluation.tuning import Grid, Point, Surface
from asr.files import sha256_file
from asr.manifest import read_manifest
from asr.model.bundle import load_bundle, name_decoder
from asr.model.contents import bundle_sources
from asr.model.described import read_described
from asr.recipe import Recipe
from asr.runs.folder import RunFolder
from asr.runs.options import RunOptions
from asr.runs.record import read_record
from asr.runs.run import run
from asr.transcribe.transcriber import Transcriber

DECODER_KEYS: dict[str, Any] = {"layers": 1, "hidden": 16, "heads": 2, "dropout": 0.0}
SEARCH: dict[str, Any] = {
    "kind": "beam",
    "lexicon": "train",
    "beam": 8,
    "attention_readings": 6,
    "tune": True,
    "word_scores": [0.0],
    "prior_weights": [0.0],
    "attention_weights": [0.3, 0.6],
}


def recipe(**decoder: Any) -> Recipe:
    return miniature.recipe(
        spec_augment={"frequency_masks": 0, "time_masks": 0},
        augment={"speed": [1.0]},
        model__dropout=0.0,
        model__attention_decoder=DECODER_KEYS,
        train__epochs=3,
        decoder=SEARCH | decoder,
    )


def options(home: Path) -> RunOptions:
    return RunOptions(
        corpus=home / "an4",
        out=home / "run",
        cache=home / "cache",
        check_lock=False,
        command="asr run miniature.toml",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    home = tmp_path_factory.mktemp("hybrid")
    miniature.write_corpus(home, train=20, test=5)
    return RunFolder(run(recipe(), options(home))[0])


def texts(path: Path) -> dict[str, str]:
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {each["id"]: each["hypothesis"] for each in found}


def test_the_record_says_how_it_was_chosen(folder: RunFolder) -> None:
    record = read_record(folder.path)
    search = record.search
    assert search is not None and search.attention is not None
    points = tuple(Point(**point.model_dump()) for point in search.surface)
    assert [point.weights for point in points] == list(Grid.of(record.recipe.decoder))
    assert search.attention.weight == Surface(points).best.attention_weight in (0.3, 0.6)
    assert search.attention.readings == 6


def test_the_run_can_be_checked_and_decoded_again(folder: RunFolder) -> None:
    found = verify(folder.path, decode=True)
    assert not [finding for finding in found.findings if not finding.remark], found.findings


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [("weight", 0.45, "search.attention.weight"), ("readings", 7, "search.attention.readings")],
)
def test_another_say_in_the_bundle_is_found(
    folder: RunFolder, tmp_path: Path, key: str, value: float, named: str
) -> None:
    copy = RunFolder(shutil.copytree(folder.path, tmp_path / "run"))
    tree = json.loads((copy.bundle / DECODER).read_text(encoding="utf-8"))
    tree["attention"][key] = value
    (copy.bundle / DECODER).write_text(json.dumps(tree), encoding="utf-8")
    name_decoder(copy.bundle, sha256_file(copy.bundle / DECODER))
    assert named in {finding.what for finding in verify(copy.path).findings}


def test_the_bundle_reads_what_the_run_has_read(folder: RunFolder) -> None:
    bundle = load_bundle(folder.bundle)
    reader = bundled_reader(folder.bundle, bundle)
    utterances = list(read_manifest(folder.manifest("test")))[::-1]
    heard = log_probs_alone(bundle.model, utterances, workers=2)
    found = {each.id: reader(log_probs).text for each, log_probs in zip(utterances, heard, strict=True)}
    assert found == texts(folder.hypotheses("test", search=True))
    transcriber = Transcriber(folder.path, segmentation="windows")
    assert not transcriber.ctc_alone
    assert {each.id: transcriber(each.audio_filepath).text for each in utterances} == found
    many = {str(path): each.text for path, each in transcriber.many([u.audio_filepath for u in utterances])}
    assert list(many.values()) == list(found.values())


def test_greedy_reading_never_asks_it(folder: RunFolder) -> None:
    bundle = load_bundle(folder.bundle)
    reader = bundled_reader(folder.bundle, bundle, "greedy")
    utterances = list(read_manifest(folder.manifest("test")))
    found = {
        each.id: reader(log_probs).text
        for each, log_probs in zip(utterances, log_probs_alone(bundle.model, utterances), strict=True)
    }
    assert found == texts(folder.hypotheses("test"))


def test_what_has_no_weights_reads_by_ctc_alone(folder: RunFolder) -> None:
    """Such is what an ONNX file knows of the bundle."""
    described = read_described(folder.bundle)
    decoder = bundled_decoder(folder.bundle, described)
    assert decoder.attention is None and decoder.attention_weight > 0
    with pytest.raises(ValueError, match="needs an attention decoder"):
        decoder.reader(described.tokenizer)
    assert decoder.by_ctc_alone().reader(described.tokenizer).name == "plain"


def test_an_exported_bundle_says_that_it_reads_by_ctc_alone(
    folder: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sound = tmp_path / "onnx", str(next(iter(read_manifest(folder.manifest("test")))).audio_filepath)
    assert main(["export", str(folder.path), "--out", str(out)]) == 0
    weight = load_decoder(folder.bundle, load_bundle(folder.bundle)).attention_weight
    assert (
        f"the CTC branch alone: the attention decoder stays behind, and with it its weight of {weight:g}"
        in (capsys.readouterr().out)
    )
    assert main(["transcribe", sound, "--model", str(out)]) == 0
    alone = capsys.readouterr()
    assert f"{out}: read by CTC alone" in alone.err
    assert main(["transcribe", sound, "--model", str(out), "--engine", "torch"]) == 0
    assert "CTC alone" not in capsys.readouterr().err
    assert main(["transcribe", sound, "--model", str(out), "--decoder", "greedy"]) == 0
    assert "CTC alone" not in capsys.readouterr().err
    assert Transcriber(out, engine="onnx").ctc_alone and not Transcriber(out, engine="torch").ctc_alone


def test_evaluate_puts_it_beside_ctc_alone(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    start = ["evaluate", str(folder.path), "--decoder", "beam"]
    assert main([*start, "--json"]) == 0
    own = json.loads(capsys.readouterr().out)["decoders"]
    assert [each["decoder"] for each in own][-1].endswith(" + attention")
    assert own[-1]["attention_weight"] in (0.3, 0.6) and "attention_weight" not in own[-2]
    assert main([*start, "--attention-weight", "0", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)["decoders"]
    assert [each | {"real_time_factor": 0} for each in alone] == [
        each | {"real_time_factor": 0} for each in own[:-1]
    ]
    assert main([*start, "--tune", "--attention-weights", "0", "1", "--word-scores", "0"]) == 0
    assert "attention" in capsys.readouterr().out
    for wrong, message in (
        (["--attention-weight", "1.5"], "attention_weight must be 0 to 1"),
        (["--attention-weights", "0.5"], "add --tune"),
        (["--tune", "--attention-weight", "0.5", "--attention-weights", "0.5"], "leave one of them out"),
    ):
        assert main([*start, *wrong]) != 0
        assert message in capsys.readouterr().err


def test_show_tells_its_weight(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(folder.path)]) == 0
    assert "(over 6 readings)" in capsys.readouterr().out


def test_a_bundle_that_lost_its_decoder_is_refused(folder: RunFolder, tmp_path: Path) -> None:
    copy = shutil.copytree(folder.bundle, tmp_path / "model")
    assert set(bundle_sources(copy)) >= {"model.json", "weights.safetensors", DECODER}
    tree = json.loads((copy / "model.json").read_text(encoding="utf-8"))
    tree["model"]["attention_decoder"]["layers"] = 0
    (copy / "model.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(BundleError, match="attention_decoder"):
        load_bundle(copy)  # weights that no part of the model has
    with pytest.raises(BundleError, match="asks an attention decoder, and the model has none"):
        load_decoder(copy, read_described(copy))


def test_a_hybrid_begins_with_a_model_that_has_none(folder: RunFolder, tmp_path: Path) -> None:
    """And the other way round: what both have is taken over."""
    home = folder.path.parent
    other = miniature.recipe(
        model__dropout=0.0,
        train__epochs=1,
        init={"from": "run"},
        model__attention_decoder={"layers": 2, "hidden": 8, "heads": 2},
    )
    for number, settings in enumerate((other, other.model_copy(update={"model": miniature.recipe().model}))):
        made = replace(options(home), out=tmp_path / str(number), files=(home,))
        record = read_record(run(settings, made)[0])
        assert record.status == "complete"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model__attention_decoder": {"layers": 1, "hidden": 10, "heads": 4}},
            "need a multiple of 4, got 10",
        ),
        ({"model__attention_decoder": {"loss_share": 1.0}}, "model.attention_decoder.loss_share"),
        ({"model__attention_decoder": {"size": 8}}, "unknown key model.attention_decoder.size"),
        (
            {"decoder": {"kind": "beam", "attention_weight": 0.3}},
            "model.attention_decoder.layers to 1 or more",
        ),
        ({"decoder": {"attention_weight": 0.3}}, 'attention_weight is for a search: set kind = "beam"'),
        ({"decoder": {"kind": "beam", "attention_weight": 1.3}}, "decoder.attention_weight"),
        ({"decoder": {"kind": "beam", "attention_weights": [0.3, 0.3]}}, "attention_weights needs one value"),
        ({"decoder": {"kind": "beam", "tune": True}}, "a lexicon or an attention decoder; name one"),
    ],
)
def test_keys_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message.replace("(", r"\(")):
        miniature.recipe(**changes)


def test_an_average_is_not_read_by_it(folder: RunFolder) -> None:
    """It would have to know the frames of one model. A vote, and a greedy reading, need none."""
    searching = Member.of("hybrid", folder.bundle, "beam", "none")
    greedy = Member.of("hybrid", folder.bundle, "greedy", "none")
    likeness = Likeness.of(["a", "b"], [searching.described, greedy.described])
    with pytest.raises(EnsembleError, match="hybrid: its search asks an attention decoder"):
        Members((searching, greedy), "plain-1", likeness=likeness, means=("probabilities",))
    assert Members((greedy, searching), "plain-1", likeness=likeness, means=("probabilities",))
    assert Members((searching, greedy), "plain-1")
