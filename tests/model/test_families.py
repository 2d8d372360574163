"""What a recipe can ask for of a model: sizes and frame rates by hand, and every combination learns."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES, VGG
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from asr.batching import collate
from asr.errors import RecipeError
from asr.model.acoustic import new_model
from asr.model.bundle import load_bundle, save_bundle, weights_digest
from asr.model.padding import valid
from asr.model.pyramid import joined
from asr.randomness import Draws, torch_generator
from asr.recipe import FrontEnd, Model, Recipe, samples_an_output
from asr.recipe import Tokenizer as TokenizerSettings
from asr.recipe_file import load_recipe, recipe_from_tree, to_toml
from asr.tokenizer import build_tokenizer
from asr.training.gradients import layer_of
from asr.training.initial import refuse_unfit, take_over
from asr.training.micro_batch import gradients
from asr.transcribe.windows import Windows

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FRONT_END = FrontEnd(sample_rate=8_000, mels=12)  # a frame is 80 samples
SMALL: dict[str, Any] = {"projection": 6, "layers": 2, "hidden": 4}


def family(name: str) -> Model:
    return Model.model_validate(SMALL | FAMILIES[name])


def test_pairs_by_hand() -> None:
    values = torch.arange(1.0, 11.0).view(1, 5, 2).repeat(4, 1, 1)
    values[3] = float("nan")
    values[3, 0] = torch.tensor([1.0, 2])
    pairs, lengths = joined(values, torch.tensor([5, 4, 3, 1]))
    assert lengths.tolist() == [3, 2, 2, 1]
    assert pairs.tolist() == [
        [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 0, 0]],
        [[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 0, 0]],
        [[1, 2, 3, 4], [5, 6, 0, 0], [0, 0, 0, 0]],
        [[1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]


@pytest.mark.parametrize(
    ("keys", "step", "output", "outputs", "centre"),
    [
        ({}, 2, 2, 51, 0.0),  # 101 frames of a second, strided by 2
        ({"convolutions": ()}, 1, 1, 101, 0.0),
        ({"convolutions": VGG}, 4, 4, 26, 1.5),  # frames 0 to 3 are pooled
        ({"convolutions": (), "layers": 4, "pyramid": 3}, 1, 8, 13, 3.5),  # as Listen, Attend and Spell
        ({"layers": 4, "pyramid": 1}, 2, 4, 26, 1.0),  # of the centres 0 and 2
        ({"convolutions": ({"channels": 2, "stride": (2, 1), "pool": (3, 1)},), "pyramid": 1}, 6, 12, 9, 5.0),
    ],
)
def test_frame_rates_by_hand(
    keys: dict[str, Any], step: int, output: int, outputs: int, centre: float
) -> None:
    """In all places that know one."""
    made = Model.model_validate(SMALL | keys)
    model = new_model(FRONT_END, made, 5, seed=1)
    assert (made.frames_a_step, made.frames_an_output, made.centre) == (step, output, centre)
    assert model.output_length(8_000) == outputs
    recipe = recipe_from_tree(
        {
            "name": "x",
            "corpus": {"name": "an4", "dev_speakers": 1},
            "front_end": FRONT_END.model_dump(mode="json"),
            "model": made.model_dump(mode="json"),
        },
        "test",
    )
    assert samples_an_output(recipe.front_end, recipe.model) == 80 * output
    windows = Windows.of(FRONT_END, made)
    assert (windows.grid, windows.hop, windows.centre) == (80 * output, 80, 80 * centre)
    assert windows.step % windows.grid == windows.overlap % windows.grid == 0
    assert windows.step == pytest.approx(12 * 8_000, abs=windows.grid)


@pytest.mark.parametrize("name", ["pooling", "pyramid"])
def test_centre_is_where_an_output_listens(name: str) -> None:
    """Without recurrence an output hears as far before its centre as behind it."""
    made = Model.model_validate(SMALL | {"convolutions": VGG} | {"pyramid": int(name == "pyramid")})
    model = new_model(FRONT_END, made, 5, seed=1)
    for layer in model.convolutions.layers:
        torch.nn.init.ones_(layer.weight)
    heard = []
    for _ in range(40):  # the largest of four frames is another one in other features
        features = torch.rand(1, 64, 12, requires_grad=True)
        planes, lengths = model.convolutions(features, torch.tensor([64]))
        if made.pyramid:
            planes, lengths = joined(planes, lengths)
        gradient = torch.autograd.grad(planes[0, 4].sum(), features)[0][0]
        heard += gradient.any(1).nonzero()[:, 0].tolist()
    assert (min(heard) + max(heard)) / 2 == 4 * made.frames_an_output + made.centre


def test_parameters_by_hand() -> None:
    """Of the projection 6 to 4 units in each direction, twice; what a cell has besides its gates is two biases each."""

    def count(**keys: Any) -> int:
        model = new_model(FRONT_END, Model.model_validate(SMALL | {"convolutions": ()} | keys), 5, seed=1)
        return sum(parameter.numel() for parameter in model.parameters())

    def recurrent(gates: int, above: int = 8) -> int:
        return 2 * gates * (4 * (6 + 4 + 2) + 4 * (above + 4 + 2))

    besides = 2 * 12 + (12 + 1) * 6 + 2 * 2 * 8 + (8 + 1) * 5  # input norm, projection, norms, output
    assert count() == recurrent(4) + besides
    assert count(cell="gru") == recurrent(3) + besides
    assert count(cell="rnn") == recurrent(1) + besides
    assert count(residual=True) == count()
    assert count(pyramid=1) == recurrent(4, above=16) + besides
    assert count(normalisation="none") == recurrent(4) + (12 + 1) * 6 + (8 + 1) * 5
    attention = (
        2 * 8 + (8 + 1) * 24 + 4 * 65 + (8 + 1) * 8
    )  # norm, queries with keys and values, distances, output
    assert count(self_attention={"place": "after"}) == count() + attention
    assert count(self_attention={"place": "between"}, layers=3) == count(layers=3) + 2 * attention


def test_residual_adds_the_input_of_layers_of_one_width() -> None:
    """With layer normalisation silent, a layer above the first changes nothing."""
    plain, residual = (
        new_model(
            FRONT_END, Model.model_validate(SMALL | {"residual": value, "layers": count}), 5, seed=1
        ).eval()
        for value, count in ((False, 1), (True, 3))
    )
    for norm in list(residual.norms)[1:]:
        torch.nn.init.zeros_(norm.weight)
    names = plain.state_dict().keys()
    plain.load_state_dict({name: value for name, value in residual.state_dict().items() if name in names})
    waveforms, lengths = torch.randn(2, 4_000), torch.tensor([4_000, 2_345])
    found, expected = residual(waveforms, lengths), plain(waveforms, lengths)
    there = valid(found.lengths, found.log_probs.shape[1])
    assert torch.equal(found.log_probs[there], expected.log_probs[there])


def test_layers_have_names_for_gradient_norms() -> None:
    model = new_model(FRONT_END, family("all at once"), 5, seed=1)
    layers = list(dict.fromkeys(layer_of(name) for name, _ in model.named_parameters()))
    attention = [f"self_attention.1.{part}" for part in ("norm", "inputs", "positions", "outputs")]
    assert set(attention) < set(layers)
    assert {"output", "attention_decoder.output"} < set(layers)  # what the others are compared with
    assert {"recurrent.3", "norms.0", "projection", "input_norm", "convolutions.layers.0"} < set(layers)


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_a_bundle_hears_the_same(name: str, tmp_path: Path) -> None:
    tokenizer = build_tokenizer(TokenizerSettings(), ["yes no"])
    model = new_model(FRONT_END, family(name), tokenizer.size, seed=1).eval()
    for parameter in model.parameters():
        parameter.normal_(generator=torch_generator(1, "test", str(parameter.shape)))
    save_bundle(tmp_path, model, tokenizer, name="test", text="plain-1")
    loaded = load_bundle(tmp_path)
    assert loaded.description.model == model.settings
    assert weights_digest(loaded.model.state_dict()) == weights_digest(model.state_dict())
    waveforms, lengths = torch.randn(2, 4_000), torch.tensor([4_000, 2_345])
    assert torch.equal(model(waveforms, lengths).log_probs, loaded.model(waveforms, lengths).log_probs)


REFUSED = {
    "layers=2 pyramid=2": "pyramid joins outputs between recurrent layers: of 2 layers at most 1 can hear pairs, got 2",
    "layers=1 residual=true": "residual needs a recurrent layer whose input is as wide as its output, 512",
    "layers=2 residual=true pyramid=1": "residual needs",
    "cell=gru forget_bias=0.0": 'forget_bias is of the LSTM; cell = "gru" has no forget gate',
    "self_attention.place=between layers=1": 'self_attention.place = "between" needs two recurrent layers',
    "self_attention.place=after self_attention.heads=3": (
        "self_attention.heads must divide the width of a recurrent layer, 512 (hidden in each direction), got 3"
    ),
    "self_attention.heads=8": "self_attention: heads and reach are of no use without self-attention; set place",
    "self_attention.reach=8": "self_attention: heads and reach are of no use",
    "cell=sru": "model.cell: Input should be 'lstm', 'gru' or 'rnn' (got 'sru')",
    "convolutions=[{channels=3,pool=[2,17]}]": "model.convolutions.0.pool.1: Input should be less than or equal to 16",
    "convolutions=[{channels=3,pool=[0,1]}]": "model.convolutions.0.pool.0: Input should be greater than or equal to 1",
    "self_attention.size=8": "unknown key model.self_attention.size; allowed here: heads, place, reach",
}


def settable(changes: str) -> list[str]:
    """As `--set` takes them."""
    return [f"model.{change}" for change in changes.split()]


@pytest.mark.parametrize(("changes", "expected"), REFUSED.items())
def test_what_makes_no_sense_is_refused(changes: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(RECIPES / "an4.toml", settable(changes))
    assert expected in str(caught.value)


def test_every_key_can_be_set_on_the_command_line() -> None:
    changes = 'cell="gru" layers=4 pyramid=1 residual=true normalisation=none recurrent_start=uniform'
    changes += " self_attention.place=between self_attention.heads=8 self_attention.reach=50"
    changes += " convolutions=[{channels=8},{channels=8,pool=[2,2]}]"
    recipe = load_recipe(RECIPES / "an4.toml", settable(changes))
    assert recipe.model.attended == (0, 1, 2)
    assert (recipe.model.cell, recipe.model.frames_an_output) == ("gru", 4)
    assert recipe_from_tree(tomllib.loads(to_toml(recipe)), "again") == recipe
    assert load_recipe(RECIPES / "an4.toml", ["model.forget_bias=0"]).model.forget_bias == 0.0


def test_weights_are_begun_with_those_of_the_same_family_alone(tmp_path: Path) -> None:
    """How fresh weights start is no difference, as there are none."""
    tokenizer = build_tokenizer(TokenizerSettings(), ["yes no"])
    theirs = family("attention between")
    save_bundle(
        tmp_path, new_model(FRONT_END, theirs, tokenizer.size, 1), tokenizer, name="other", text="plain-1"
    )
    bundle = load_bundle(tmp_path)

    def recipe(**changes: Any) -> Recipe:
        tree = {
            "name": "x",
            "corpus": {"name": "an4", "dev_speakers": 1},
            "front_end": FRONT_END.model_dump(),
        }
        return recipe_from_tree(tree | {"model": theirs.model_dump(mode="json") | changes}, "test")

    refuse_unfit(recipe(recurrent_start="uniform", forget_bias=0.0, dropout=0.5), bundle)
    with pytest.raises(RecipeError, match=r"model.cell is 'gru' here and 'lstm' there"):
        refuse_unfit(recipe(cell="gru"), bundle)
    with pytest.raises(
        RecipeError, match=r"model.self_attention is \{.*'reach': 3\} here and .*'reach': 0\} there"
    ):
        refuse_unfit(recipe(self_attention={"place": "between", "reach": 3}), bundle)
    ours = new_model(FRONT_END, theirs, tokenizer.size, 2)
    take_over(ours, tokenizer, bundle)
    assert weights_digest(ours.state_dict()) == weights_digest(bundle.model.state_dict())


def test_rates_of_an_attention_decoder_that_the_other_model_need_not_have(tmp_path: Path) -> None:
    """It may be all that is learned; and of one that is not wanted here nothing can be said."""
    tokenizer = build_tokenizer(TokenizerSettings(), ["yes no"])
    decoder = {"layers": 1, "hidden": 4, "heads": 2}
    rest = dict.fromkeys(("convolutions", "input_norm", "projection", "recurrent", "norms", "output"), 0.0)

    def refuse(here: bool, there: bool, rates: dict[str, float]) -> None:
        plain = Model.model_validate(SMALL)
        ours, theirs = (
            Model.model_validate(SMALL | {"attention_decoder": decoder}) if has else plain
            for has in (here, there)
        )
        folder = tmp_path / str(there)
        if not folder.exists():
            model = new_model(FRONT_END, theirs, tokenizer.size, 1)
            save_bundle(folder, model, tokenizer, name="other", text="plain-1")
        tree = {
            "name": "x",
            "corpus": {"name": "an4", "dev_speakers": 1},
            "front_end": FRONT_END.model_dump(),
            "model": ours.model_dump(mode="json"),
            "init": {"from": "other", "rates": rates},
        }
        refuse_unfit(recipe_from_tree(tree, "test"), load_bundle(folder))

    for there in (False, True):
        refuse(True, there, rest)
        refuse(True, there, rest | {"attention_decoder.output": 0.5})
        refuse(False, there, rest | {"output": 0.5})
        with pytest.raises(RecipeError, match="every part is frozen"):
            refuse(True, there, rest | {"attention_decoder": 0.0})
        with pytest.raises(RecipeError, match="every part is frozen"):
            refuse(False, there, rest)
        with pytest.raises(
            RecipeError, match="the model has no part 'attention_decoder'; it has convolutions, "
        ):
            refuse(False, there, {"attention_decoder": 0.5})


def combinations() -> st.SearchStrategy[dict[str, Any]]:
    convolution = st.fixed_dictionaries(
        {
            "channels": st.integers(1, 3),
            "kernel": st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3])),
            "stride": st.tuples(st.integers(1, 2), st.integers(1, 3)),
            "pool": st.tuples(st.integers(1, 2), st.integers(1, 3)),
        }
    )
    attention = st.fixed_dictionaries(
        {
            "place": st.sampled_from(["between", "after"]),
            "heads": st.sampled_from([1, 2]),
            "reach": st.integers(0, 3),
        }
    )
    return st.fixed_dictionaries(
        {
            "convolutions": st.lists(convolution, max_size=2).map(tuple),
            "projection": st.sampled_from([3, 4, 8]),
            "cell": st.sampled_from(["lstm", "gru", "rnn"]),
            "layers": st.integers(1, 4),
            "hidden": st.just(4),
            "bidirectional": st.booleans(),
            "pyramid": st.integers(0, 2),
            "residual": st.booleans(),
            "normalisation": st.sampled_from(["layer", "none"]),
            "self_attention": st.one_of(st.just({"place": "none"}), attention),
            "recurrent_start": st.sampled_from(["orthogonal", "uniform"]),
            "forget_bias": st.sampled_from([1.0, 0.0]),
            "intermediate_loss": st.sampled_from([0.0, 0.5]),
            "attention_decoder": st.fixed_dictionaries(
                {"layers": st.integers(0, 2), "hidden": st.just(4), "heads": st.sampled_from([1, 2])}
            ),
        }
    )


@settings(max_examples=40, deadline=None)
@given(combinations())
def test_every_combination_is_refused_or_learns(keys: dict[str, Any]) -> None:
    """A micro-batch has finite gradients in every parameter, and the frames that the recipe says."""
    try:
        made = Model.model_validate(keys)
    except ValidationError as error:
        assert error.error_count() == 1  # a sentence of ours
        assert error.errors()[0]["type"] == "value_error"
        return
    tree = {"name": "x", "corpus": {"name": "an4", "dev_speakers": 1}, "model": made.model_dump(mode="json")}
    recipe = recipe_from_tree(tree | {"front_end": FRONT_END.model_dump(mode="json")}, "test")
    model = new_model(FRONT_END, recipe.model, 4, seed=1).train()
    draw = torch_generator(1, "test")
    waveforms = [torch.randn(samples, generator=draw).numpy() for samples in (6_400, 2_561, 5_000)]
    batch = collate(["a", "b", "c"], waveforms, [(1,), (2,), (3,)])
    losses, found = gradients(model, batch, Draws(1, 0, 0, 0, batch.ids), recipe, 3)
    assert losses.each.isfinite().all()
    assert (losses.attention is not None) == (made.attention_decoder.layers > 0)
    for (name, _), gradient in zip(model.named_parameters(), found, strict=True):
        assert gradient.isfinite().all(), name
    assert any(gradient.any() for gradient in found)
