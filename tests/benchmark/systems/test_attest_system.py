"""Our own models as a system: found as elsewhere, heard as elsewhere, known by their weights."""

from pathlib import Path

import miniature
import pytest
from small_bundle import write_bundle, write_searching_bundle

from asr import Transcriber
from asr.benchmark.errors import HearingError
from asr.benchmark.systems.attest import AttestSpec, AttestSystem


def system(model: str, folder: Path = Path(), **keys: str) -> AttestSystem:
    return AttestSpec.model_validate({"name": "it", "kind": "attest", "model": model} | keys).system(folder)


def test_it_hears_what_transcribe_hears_in_any_order(tmp_path_factory: pytest.TempPathFactory) -> None:
    corpus, run = miniature.trained(tmp_path_factory.getbasetemp())
    files = sorted((corpus / "wav" / "an4test_clstk").rglob("*.wav"))
    heard = system(run.name, run.parent)
    heard.open()
    texts = {file: heard.hear(file).text for file in files}
    assert texts == {file: heard.hear(file).text for file in reversed(files)}
    ours = Transcriber(run)
    assert texts == {file: ours(file).text for file in files}
    with pytest.raises(HearingError, match="not audio"):
        heard.hear(Path(__file__))
    heard.close()


def test_a_model_is_found_by_its_path_or_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_MODELS", str(tmp_path / "models"))
    write_bundle(tmp_path / "models" / "small")
    write_searching_bundle(tmp_path / "here" / "searches")
    by_name, by_path = system("small", tmp_path / "here"), system("searches", tmp_path / "here")
    assert by_name.identity()["decoder"] == "greedy"
    assert by_path.identity()["decoder"] == "beam"
    assert by_path.identity()["search"]
    assert (by_name.size() or 0) > 1000
    assert str(tmp_path) not in str(by_path.identity())


def test_identity_is_another_with_other_keys_and_weights(tmp_path: Path) -> None:
    write_searching_bundle(tmp_path / "a")
    write_searching_bundle(tmp_path / "b")
    assert system("a", tmp_path).identity() == system("b", tmp_path).identity()
    different = [
        system("a", tmp_path, **keys).identity()
        for keys in ({}, {"decoder": "greedy"}, {"segmentation": "windows"}, {"device": "auto"})
    ]
    assert len({str(each) for each in different}) == 4


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"model": "missing"}, "no model here"), ({"model": "greedy", "decoder": "beam"}, "carries no search")],
)
def test_what_cannot_be_started_says_why(keys: dict[str, str], message: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "greedy")
    made = system(folder=tmp_path, **keys)
    with pytest.raises(HearingError, match=message):
        made.open()
    made.close()
