"""Runs that learn from expected errors: the same bits however they are computed, on the record, and what is refused."""

import json
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch

from asr.claims.verify import verify
from asr.errors import RecipeError
from asr.runs.card import write_card
from asr.runs.folder import RunFolder
from asr.runs.learning import begin, begun_with
from asr.runs.options import RunOptions
from asr.runs.record import Record
from asr.runs.run import run
from asr.training.reports import Interrupted

KINDS = ("n-best", "sampled")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned its letters."""
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.write_corpus(tmp_path_factory.mktemp("noisy"), train=24, test=4)


def learned(corpus: Path, source: Path, out: Path, risk: dict[str, Any], **more: Any) -> Record:
    """Two epochs of a model that knows its letters, in noise that it does not know."""
    changes = {key: more.pop(key) for key in list(more) if "__" in key}
    noise = {"noise_probability": 1.0, "noise_snr": [-9.0, -3.0]}
    settings = miniature.recipe(
        **{"train__epochs": 2, "augment": noise, "risk": risk, "init": {"from": source.name}} | changes
    )
    stop = more.pop("stop", lambda: False)
    options = RunOptions(
        corpus=corpus, out=out, cache=out.parent / "cache", check_lock=False, files=(source.parent,), **more
    )
    return run(settings, options, should_stop=stop)[1]


def lines(folder: Path) -> list[dict[str, Any]]:
    """Of metrics.jsonl, without times."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits_however_computed(corpus: Path, source: Path, tmp_path: Path, kind: str) -> None:
    """By one worker or two, by two processes, and interrupted within an epoch: weights, way and figures."""
    alone = learned(corpus, source, tmp_path / "alone", {"kind": kind})
    others: dict[str, dict[str, int]] = {"workers": {"workers": 2}, "resumed": {}}
    if kind == "sampled":
        others["processes"] = {"processes": 2}
    with pytest.raises(Interrupted):
        learned(corpus, source, tmp_path / "resumed", {"kind": kind}, stop=miniature.on_step(2))
    for name, options in others.items():
        other = learned(corpus, source, tmp_path / name, {"kind": kind}, **options)
        assert other.model == alone.model, name
        assert other.trail == alone.trail, name
        assert lines(tmp_path / name) == lines(tmp_path / "alone"), name
    expected = [epoch.expected_errors for epoch in alone.epochs]
    assert expected == [line["expected_errors"] for line in lines(tmp_path / "alone")]
    assert all(errors is not None and 0 < errors < 2 for errors in expected)
    assert alone.initial is not None
    assert verify(tmp_path / "alone").verdict == "verified"
    write_card(RunFolder(tmp_path / "alone"), alone)
    card = (tmp_path / "alone" / "model" / "README.md").read_text()
    assert f"expected word errors of 4 {'best' if kind == 'n-best' else 'drawn'} hypotheses" in card


def test_another_kind_is_another_training(corpus: Path, source: Path, tmp_path: Path) -> None:
    """And a plain one says nothing of errors: records and metrics are as they were before there was this."""
    records = {}
    for kind in (*KINDS, "none"):
        records[kind] = learned(corpus, source, tmp_path / kind, {"kind": kind}, train__epochs=1)
    assert len({str(record.model) for record in records.values()}) == 3
    plain = tmp_path / "none"
    assert "expected_errors" not in lines(plain)[0]
    assert "expected_errors" not in json.loads((plain / "record.json").read_text())["epochs"][0]
    assert "expected" not in (plain / "model" / "README.md").read_text()


def test_two_views_and_a_middle_layer_learn_too(corpus: Path, source: Path, tmp_path: Path) -> None:
    """The losses that there are besides keep their shares within that of CTC."""
    record = learned(
        corpus,
        source,
        tmp_path / "run",
        {"kind": "sampled", "unit": "character", "ctc_weight": 0.1},
        train__epochs=1,
        train__consistency=0.2,
        model__intermediate_loss=0.3,
    )
    assert record.epochs[0].expected_errors is not None


@pytest.mark.parametrize(
    ("risk", "message"),
    [
        ({"kind": "nbest"}, "risk.kind: Input should be 'none', 'n-best' or 'sampled'"),
        ({"kind": "sampled", "hypotheses": 1}, "risk.hypotheses: .*greater than or equal to 2"),
        ({"kind": "n-best", "hypotheses": 12}, "a beam of 8 cannot give the 12 best; set beam to as many"),
        ({"kind": "sampled", "unit": "phone"}, "risk.unit: Input should be 'word', 'character' or 'token'"),
        ({"kind": "sampled", "ctc_weight": -1.0}, "risk.ctc_weight: .*greater than or equal to 0"),
        ({"kind": "sampled", "share": 0.5}, "unknown key risk.share; allowed here: beam, ctc_weight, hypo"),
    ],
)
def test_keys_that_make_no_sense(risk: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        miniature.recipe(risk=risk, init={"from": "run"})


def test_texts_without_words_have_no_word_errors() -> None:
    with pytest.raises(RecipeError, match="set risk.unit = "):
        miniature.recipe(risk={"kind": "sampled"}, init={"from": "run"}, score__unit="character")
    miniature.recipe(risk={"kind": "none"}, score__unit="character")


def test_a_fresh_model_cannot_learn_so() -> None:
    with pytest.raises(RecipeError, match=r'risk.kind = "sampled" learns .*: set init.from = '):
        miniature.recipe(risk={"kind": "sampled"})


def test_other_devices_are_refused_before_anything_is_loaded() -> None:
    settings = miniature.recipe(risk={"kind": "n-best"}, init={"from": "nowhere"})
    with pytest.raises(RecipeError, match=r'risk.kind = "n-best".*on meta .*--device cpu'):
        begun_with(settings, {}, torch.device("meta"))
    with pytest.raises(RecipeError, match=r'risk.kind = "n-best"'):  # of those who follow, on another machine
        begin(settings, [], torch.device("meta"))
