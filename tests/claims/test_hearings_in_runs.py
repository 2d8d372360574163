"""A search that hears every utterance several times: the same in a run, its checks, its model and whoever uses it."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile
from searched import RECIPE, finished, options
from spoken import Loud
from tampering import change_record, codes

from asr import Transcriber
from asr.audio import Audio
from asr.benchmark.systems.ensemble import EnsembleSpec
from asr.claims.verify import verify
from asr.cli.main import main
from asr.confidence.way import described
from asr.decoding.averaging import average
from asr.decoding.bundled import load_decoder
from asr.ensemble.members import Member
from asr.errors import RecipeError
from asr.manifest import read_manifest
from asr.model.bundle import load_bundle
from asr.model.hearings import Hearings
from asr.recipe_file import changed
from asr.runs.evaluate import Evaluator
from asr.runs.record import read_record
from asr.runs.run import run
from asr.sound_file import NOTHING, Samples
from asr.transcribe import transcriber as module
from asr.transcribe.hear import LogProbs

OFTEN = "decoder.hearings=3"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.getbasetemp() / "searched")


@pytest.fixture(scope="module")
def often(once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the other run has learned, heard three times."""
    out = tmp_path_factory.mktemp("hearings") / "run"
    asked = replace(options(once.parent, "run"), out=out, trained=once)
    return run(changed(RECIPE, [OFTEN]), asked)[0]


def heard_in(run: Path) -> Iterator[tuple[str, str]]:
    """Utterances of test, and what the search of the run has read in each."""
    for line in (run / "hypotheses" / "test-search.jsonl").read_text(encoding="utf-8").splitlines():
        tree = json.loads(line)
        yield tree["id"], tree["hypothesis"]


def test_the_record_says_so_and_is_verified(once: Path, often: Path) -> None:
    record, before = read_record(often), read_record(once)
    assert record.search is not None and before.search is not None
    assert (record.search.hearings, before.search.hearings) == (3, 1)
    assert record.results == before.results  # greedy: heard once
    assert record.search.priors != before.search.priors
    report = verify(often, decode=True)
    assert report.verdict == "verified", codes(report)
    assert main(["show", str(often)]) == 0


def test_what_hears_once_does_not_speak_of_it(once: Path) -> None:
    """So records, recipes and bundles from before have the digests that they had."""
    for path in ("record.json", "recipe.toml", "model/decoder.json"):
        assert "hearings" not in (once / path).read_text(encoding="utf-8")


def test_shown(often: Path, once: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, said in ((often, True), (once, False)):
        assert main(["show", str(path)]) == 0
        assert ("the mean of 3 hearings" in capsys.readouterr().out) is said


def test_altered(often: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(often, tmp_path / "run"))
    change_record(path / "record.json", lambda tree: tree["search"].update(hearings=2))
    assert "search.hearings" in codes(verify(path))


def test_transcribed_as_in_the_run(often: Path, once: Path) -> None:
    """The model carries it: whoever transcribes by its search hears three times, and reads what the run has read."""
    transcriber = Transcriber(often, device="cpu")
    assert transcriber.hearings == 3
    utterances = {each.id: each for each in read_manifest(often / "manifests" / "test.jsonl")}
    for identity, text in heard_in(often):
        assert transcriber(utterances[identity].audio_filepath).text == text
    assert Transcriber(often, device="cpu", decoder="greedy").hearings == 1
    assert Transcriber(once, device="cpu").hearings == 1


def test_the_same_log_probs_whoever_hears(often: Path) -> None:
    evaluator = Evaluator(often, workers=1)
    expected = evaluator.log_probs("test", 3)
    member = Member.of("it", often / "model", "beam", "none")
    assert member.hearings.count == 3
    transcriber = Transcriber(often, device="cpu")
    for utterance, log_probs in zip(evaluator.utterances("test"), expected, strict=True):
        (_, found), *_ = transcriber.hear(list(transcriber.pieces(0, utterance.audio_filepath)))
        assert np.array_equal(found, log_probs)
    assert any(
        not np.array_equal(one, three)
        for one, three in zip(evaluator.log_probs("test"), expected, strict=True)
    )


def test_together_with_others(often: Path) -> None:
    """Each model's hearings are averaged first, and then the models: as an ensemble does it that is no benchmark's."""
    transcriber = Transcriber(often, device="cpu")
    own = transcriber._engine

    def other(waveforms: Sequence[Samples]) -> list[LogProbs]:
        return [average([np.roll(each, 1, axis=1)], "log-probs") for each in own(waveforms)]

    def mean(heard: list[LogProbs]) -> LogProbs:
        return average(heard, "probabilities")

    both = transcriber.together_with([other], mean)  # type: ignore[list-item]
    samples = miniature.speech("YES GO ONE", "a").astype(np.float32)
    (piece,) = transcriber.pieces(0, Audio(samples, miniature.RATE))
    ((_, found),) = both.hear([piece])
    hearings = Hearings(3, transcriber.windows.grid)
    ((_, accompanied),) = both.hear([replace(piece, after=samples)])
    expected = mean([hearings(samples, each, after=samples) for each in (own, other)])  # type: ignore[arg-type]
    assert np.array_equal(accompanied, expected) and not np.array_equal(accompanied, found)
    assert np.array_equal(found, mean([hearings(samples, own), hearings(samples, other)]))
    turned = hearings(
        samples, lambda waves: [mean([*pair]) for pair in zip(own(waves), other(waves), strict=True)]
    )
    assert np.abs(found - turned).max() > 0.01
    assert not both.batched and len(both.hear([piece, piece])) == 2
    assert (both.engine, both.device) == (transcriber.engine, transcriber.device)
    greedy = Transcriber(often, device="cpu", decoder="greedy")
    assert greedy.batched and not greedy.together_with([other], mean).batched  # type: ignore[list-item]
    ((_, once),) = greedy.together_with([other], mean).hear([piece])  # type: ignore[list-item]
    assert np.array_equal(once, mean([*own([samples]), *other([samples])]))


def test_an_average_of_models_hears_as_often(often: Path) -> None:
    """As a system of a benchmark: a model with itself reads what it reads."""
    member = {"kind": "attest", "model": often.name}
    keys = {"how": "average", "members": tuple({"name": name, **member} for name in ("a", "b"))}
    made = EnsembleSpec.model_validate({"name": "it", "kind": "ensemble", **keys}).system(often.parent)
    made.open()
    ours = Transcriber(often)
    assert ours.hearings == 3
    utterances = {each.id: each for each in read_manifest(often / "manifests" / "test.jsonl")}
    for identity, text in list(heard_in(often))[:3]:
        path = Path(utterances[identity].audio_filepath)
        assert ours(path).text == text
        assert made.hear(path).text == text
    made.close()


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language of tones is no speech to a network that has learned voices."""
    monkeypatch.setattr(module, "VoiceActivity", Loud)


@pytest.mark.usefixtures("loud")
def test_stretches_of_long_audio_are_heard_in_company(often: Path, once: Path, tmp_path: Path) -> None:
    """Of three hearings one: with the stretch that comes next. However the sound is given."""
    rate, quiet = miniature.RATE, np.zeros(2 * miniature.RATE)
    parts = [miniature.speech(text, text) for text in ("YES GO ONE", "NO", "SEE YES")]
    samples = np.concatenate([each for part in parts for each in (quiet, part)]).astype(np.float32)
    transcriber = Transcriber(often, device="cpu", segmentation="pauses", words=True)
    pieces = list(transcriber.pieces(0, Audio(samples, rate)))
    spoken = [each for each in pieces if len(each.samples)]
    assert len(spoken) == 3
    alone = [replace(each, before=NOTHING, after=NOTHING) for each in spoken]
    heard = [[found for _, found in transcriber.hear(each)] for each in (spoken, alone)]
    assert [np.array_equal(*pair) for pair in zip(*heard, strict=True)] == [False, False, True]
    assert [one.shape for one in heard[0]] == [one.shape for one in heard[1]]
    whole = transcriber(Audio(samples, rate))
    path = tmp_path / "talk.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    assert transcriber(path) == whole
    assert [found for _, found in transcriber.many([path, path], workers=2)] == [whole, whole]
    assert " ".join(part.text for part in transcriber.stream(path)) == whole.text
    for path, way in ((once, None), (often, "greedy")):
        other = Transcriber(path, device="cpu", segmentation="pauses", decoder=way)  # type: ignore[arg-type]
        assert not any(len(each.before) + len(each.after) for each in other.pieces(0, Audio(samples, rate)))


def test_an_estimator_of_confidence_knows_it(often: Path) -> None:
    decoder = load_decoder(often / "model", load_bundle(often / "model"))
    assert decoder.hearings == 3
    assert described(decoder)["hearings"] == 3
    assert "hearings" not in described(replace(decoder, hearings=1))


def test_evaluated_as_a_step_of_its_own(often: Path, once: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, more in ((often, []), (once, ["--hearings", "3"])):
        assert main(["evaluate", str(path), "--decoder", "beam", "--part", "test", "--json", *more]) == 0
        found = json.loads(capsys.readouterr().out)["decoders"]
        assert [each.get("hearings") for each in found][-2:] == [None, 3]
        assert found[-1]["decoder"] == f"{found[-2]['decoder']}, 3 hearings"
    for wrong in ("0", "17"):
        assert main(["evaluate", str(once), "--decoder", "beam", "--hearings", wrong]) == 1
        assert f"--hearings must be 1 to 16, got {wrong}" in capsys.readouterr().err
    assert main(["evaluate", str(once), "--hearings", "3"]) == 1
    assert "--hearings is for --decoder beam" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["decoder={}", OFTEN], 'hearings is for a search: set kind = "beam"'),
        (["decoder.hearings=0"], "hearings"),
        (["decoder.hearings=17"], "hearings"),
        (
            [OFTEN, "decoder.attention_weight=0.3", "decoder.tune=false", "model.attention_decoder.layers=1"],
            "a mean of several has none",
        ),
    ],
)
def test_recipes_that_cannot_be(changes: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        changed(RECIPE, changes)
