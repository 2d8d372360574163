"""A run that begins with another model's weights: what is kept, frozen, slowed, recorded and refused."""

from pathlib import Path
from typing import Any

import miniature
import pytest
import torch

from asr.claims.verify import verify
from asr.errors import AsrError, BundleError, RecipeError, RunError
from asr.model.bundle import Bundle, load_bundle
from asr.model.tensors import write_tensors
from asr.runs.options import RunOptions
from asr.runs.record import Record
from asr.runs.run import run
from asr.training.reports import Interrupted

FEW = {
    "spec_augment": {"frequency_masks": 0, "time_masks": 0},
    "train__epochs": 1,
    "corpus__train_share": 0.5,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned its letters."""
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.write_corpus(tmp_path_factory.mktemp("other"), train=24, test=4)


def begun(corpus: Path, source: Path, out: Path, init: dict[str, Any] | None = None, **more: Any) -> Record:
    changes = {key: more.pop(key) for key in list(more) if "__" in key or key in ("tokenizer", "model")}
    settings = miniature.recipe(**FEW | changes, init={"from": source.name} | (init or {}))
    stop = more.pop("stop", lambda: False)
    options = RunOptions(
        corpus=corpus, out=out, cache=out.parent / "cache", check_lock=False, files=(source.parent,), **more
    )
    return run(settings, options, should_stop=stop)[1]


def weights(bundle: Bundle) -> dict[str, torch.Tensor]:
    return dict(bundle.model.named_parameters())


def test_it_begins_where_the_other_ended(corpus: Path, source: Path, tmp_path: Path) -> None:
    """Frozen but for the output layer, which hardly learns, it is the other model: the same weights to the bit."""
    rates = dict.fromkeys(("convolutions", "input_norm", "projection", "recurrent", "norms"), 0.0)
    record = begun(corpus, source, tmp_path / "run", {"rates": rates | {"output": 1e-9}})
    before, after = load_bundle(source / "model"), load_bundle(tmp_path / "run" / "model")
    symbols = len(after.tokenizer.to_json()["alphabet"]) + 1
    assert record.initial is not None
    assert (record.initial.shared_tokens, record.initial.fresh_tokens, record.initial.left_tokens) == (
        symbols,
        [],
        0,
    )
    assert record.initial.weights == before.description.weights
    assert record.initial.recipe_digest == before.description.recipe_digest
    for name, value in weights(after).items():
        if name.startswith("output."):
            torch.testing.assert_close(value, weights(before)[name], rtol=0, atol=1e-6)
        else:
            assert torch.equal(value, weights(before)[name]), name
    assert record.results["test"].wer < 0.5  # it was never shown this corpus
    assert not record.epochs[0].warnings  # what is frozen does not vanish
    assert verify(tmp_path / "run").verdict == "verified"


def test_parts_learn_at_their_rates(corpus: Path, source: Path, tmp_path: Path) -> None:
    """Over few steps of AdamW a tenth of the rate moves weights a tenth as far; 0 does not move them."""
    rates = {"recurrent": 0.1, "recurrent.0": 0.0, "norms": 0.0}
    begun(corpus, source, tmp_path / "run", {"rates": rates}, train__averaging=0.0, train__learning_rate=1e-4)
    begun(corpus, source, tmp_path / "all", train__averaging=0.0, train__learning_rate=1e-4)
    before, some, every = (
        weights(load_bundle(folder / "model")) for folder in (source, tmp_path / "run", tmp_path / "all")
    )

    def moved(found: dict[str, torch.Tensor], part: str) -> float:
        changes = [(found[name] - before[name]).abs().flatten() for name in before if name.startswith(part)]
        return float(torch.cat(changes).mean())

    assert moved(some, "recurrent.0.") == moved(some, "norms.") == 0
    assert moved(every, "recurrent.0.") > 0
    assert moved(some, "recurrent.1.") == pytest.approx(0.1 * moved(every, "recurrent.1."), rel=0.1)
    assert moved(some, "output.") == pytest.approx(moved(every, "output."), rel=0.1)


def test_shared_tokens_keep_their_rows(corpus: Path, source: Path, tmp_path: Path) -> None:
    """An alphabet that lacks letters of the other model and has a new one, so that all numbers differ."""
    for path in (corpus / "etc").glob("*.transcription"):
        assert "Q" not in path.read_text()
    other = miniature.write_corpus(tmp_path, train=24, test=4)
    for path in (other / "etc").glob("*.transcription"):
        path.write_text(path.read_text().replace("ONE", "QO").replace("NO", "QO"))
    frozen = {"rates": {"output": 0.0, "recurrent": 0.0, "norms": 0.0}}
    record = begun(other, source, tmp_path / "run", frozen)
    before, after = load_bundle(source / "model"), load_bundle(tmp_path / "run" / "model")
    there, here = (bundle.tokenizer.to_json()["alphabet"] for bundle in (before, after))
    assert record.initial is not None
    assert record.initial.fresh_tokens == ["q"]
    assert record.initial.left_tokens == len(set(there) - set(here)) == 1
    for letter in set(there) & set(here):
        row, source_row = here.index(letter) + 1, there.index(letter) + 1
        assert torch.equal(after.model.output.weight[row], before.model.output.weight[source_row]), letter


def test_the_same_weights_from_several_processes_and_after_an_interruption(
    corpus: Path, source: Path, tmp_path: Path
) -> None:
    rates = {"rates": {"recurrent.0": 0.0, "convolutions": 0.3}}
    alone = begun(corpus, source, tmp_path / "alone", rates)
    several = begun(corpus, source, tmp_path / "several", rates, processes=2)
    with pytest.raises(Interrupted):
        begun(corpus, source, tmp_path / "resumed", rates, stop=miniature.on_step(2))
    resumed = begun(corpus, source, tmp_path / "resumed", rates)
    assert alone.model is not None
    assert alone.model == several.model == resumed.model
    assert alone.initial == several.initial == resumed.initial


def test_another_model_of_that_name_is_refused(corpus: Path, source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "models" / source.name / "model"
    copy.mkdir(parents=True)
    for name in ("model.json", "weights.safetensors"):
        (copy / name).write_bytes((source / "model" / name).read_bytes())
    with pytest.raises(Interrupted):
        begun(corpus, copy.parent, tmp_path / "run", stop=miniature.on_step(2))
    (copy / "model.json").write_text((copy / "model.json").read_text().replace('"miniature"', '"another"'))
    with pytest.raises(RunError, match="run: is not the file of this run"):
        begun(corpus, copy.parent, tmp_path / "run")
    write_tensors(copy / "weights.safetensors", {"nothing": torch.zeros(1)})
    with pytest.raises(BundleError, match="altered or damaged"):
        begun(corpus, copy.parent, tmp_path / "new")


@pytest.mark.parametrize(
    ("init", "changes", "message"),
    [
        ({"rates": {"recurrrent": 0.0}}, {}, "no part 'recurrrent'; it has .*recurrent, recurrent.0"),
        (
            {
                "rates": {
                    "recurrent": 0,
                    "convolutions": 0,
                    "input_norm": 0,
                    "projection": 0,
                    "norms": 0,
                    "output": 0,
                }
            },
            {},
            "every part is frozen",
        ),
        ({}, {"model__hidden": 8}, "model.hidden is 8 here and 16 there"),
        ({}, {"front_end__mels": 24}, "front_end.mels is 24 here and 20 there"),
        ({"from": "nowhere"}, {}, "init.from: no model 'nowhere' .*--files"),
    ],
)
def test_what_cannot_be_begun_with(
    corpus: Path, source: Path, tmp_path: Path, init: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    """Before the corpus is decoded, which may take hours: here there is none."""
    with pytest.raises(AsrError, match=message):
        begun(tmp_path / "nowhere", source, tmp_path / "run", init, **changes)


def test_keys_that_make_no_sense() -> None:
    with pytest.raises(RecipeError, match="set from = "):
        miniature.recipe(init={"rates": {"output": 0.5}})
    with pytest.raises(RecipeError, match="unknown key init.source; allowed here: from, rates"):
        miniature.recipe(init={"source": "x"})
    with pytest.raises(RecipeError, match="a path relative to the recipe"):
        miniature.recipe(init={"from": "/models/an4"})


def test_verify_finds_what_does_not_belong_together(corpus: Path, source: Path, tmp_path: Path) -> None:
    """A record that hides that its training began with another model."""
    from asr.runs.record import write_record

    record = begun(corpus, source, tmp_path / "run")
    write_record(tmp_path / "run", record.model_copy(update={"initial": None}))
    assert "initial" in {finding.what for finding in verify(tmp_path / "run").findings}
