"""Recipes: strict, frozen, written back whole; every mistake is named by its key."""

import json
from pathlib import Path

import miniature
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from asr.errors import RecipeError
from asr.recipe import FrontEnd, Recipe
from asr.recipe_file import load_recipe, recipe_from_tree, to_toml

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
BASE = 'name = "base"\n[corpus]\nname = "an4"\ndev_speakers = 7\n'


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.toml"
    path.write_text(BASE)
    return path


def message(path: Path, *changes: str) -> str:
    """What is said about a recipe that cannot be loaded."""
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, changes)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_of_the_project(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe_from_tree(recipe.model_dump(mode="json"), "record") == recipe


def test_defaults_fill_what_is_not_said(base: Path) -> None:
    recipe = load_recipe(base)
    assert recipe == Recipe(name="base", corpus=recipe.corpus)
    assert (recipe.corpus.name, recipe.corpus.dev_speakers, recipe.corpus.dev_utterances) == ("an4", 7, 0)
    assert recipe.front_end.window_samples == 400
    assert recipe.front_end.hop_samples == 160
    assert recipe.front_end.upper_edge == 8000


@given(
    st.integers(0, 2**40),
    st.floats(1e-9, 1e9),
    st.text("ab'\"\\ \n\t=#\u00e9\u4e2d[]{}", max_size=9),
    st.lists(st.sampled_from([0.5, 1, 1.25, 2.0]), min_size=1, max_size=3),
    st.lists(st.sampled_from([[1, 2], [2, 2]]), max_size=3),
)
def test_written_back_whole(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    rate: float,
    alphabet: str,
    speeds: list[float],
    strides: list[list[int]],
) -> None:
    tree = {
        "name": "x",
        "seed": seed,
        "corpus": {"name": "an4", "dev_speakers": 1},
        "train": {"learning_rate": rate},
        "tokenizer": {"alphabet": alphabet},
        "augment": {"speed": speeds},
        "model": {"convolutions": [{"channels": 3, "stride": stride} for stride in strides]},
    }
    recipe = recipe_from_tree(tree, "tree")
    path = tmp_path_factory.mktemp("whole") / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    again = load_recipe(path)
    assert again == recipe
    assert again.digest() == recipe.digest()
    for key in ("checkpoint_seconds", "frequency_share", "pre_emphasis", "bootstrap"):  # defaults, too
        assert f"{key} = " in path.read_text(encoding="utf-8")


def test_digest_is_of_the_values_not_of_the_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(BASE + "[train]\nepochs = 50\nclip = 1\n")
    two.write_text(
        '# a remark\ntrain = {clip = 1.0}\ncorpus = {dev_speakers = 7, name = "an4"}\nname = "base"'
    )
    assert load_recipe(one).digest() == load_recipe(two).digest()


def test_digest_knows_every_key(base: Path) -> None:
    changes = ["seed=2", "corpus.split_key=other", "front_end.floor=1e-9", "augment.speed=[1.0]"]
    changes += ["model.dropout=0.21", "train.checkpoint_seconds=61", "score.bootstrap=9", "name=other"]
    digests = {load_recipe(base, [change]).digest() for change in changes}
    assert len(digests | {load_recipe(base).digest()}) == len(changes) + 1


def test_frozen(base: Path) -> None:
    recipe = load_recipe(base)
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 2
    with pytest.raises(ValidationError, match="frozen"):
        recipe.train.epochs = 2


UNKNOWN = {
    "sed=3": "unknown key sed; allowed here: augment, corpus, decoder, front_end, init, model, name, numerics, risk",
    "train.epoch=3": "unknown key train.epoch; allowed here: averaging, betas, checkpoint_seconds, chosen_epoch, clip",
    "front_end.hops=1": "unknown key front_end.hops; allowed here: coefficients, floor, high, hop, kind",
    "model.convolutions=[{channels=3},{channels=3,strides=[1,1]}]": (
        "unknown key model.convolutions.1.strides; allowed here: channels, kernel, pool, stride"
    ),
    "trainer.epochs=3": "unknown key trainer; allowed here",
}


@pytest.mark.parametrize(("change", "expected"), UNKNOWN.items())
def test_unknown_key(base: Path, change: str, expected: str) -> None:
    assert message(base, change).startswith(f"{base}: {expected}")


IMPOSSIBLE = {
    "train.epochs=2.5": "train.epochs: .*valid integer.*got 2.5",
    'train.epochs="3"': "train.epochs: .*valid integer.*got '3'",
    "train.epochs=true": "train.epochs: .*valid integer.*got True",
    "train.epochs=0": "train.epochs: .*greater than or equal to 1.*got 0",
    "train.epochs=inf": "train.epochs: .*valid integer",
    "train.learning_rate=0": "train.learning_rate: .*greater than 0",
    "train.learning_rate=nan": "train.learning_rate: .*finite",
    "train.betas=[0.9]": "key train.betas.1 is missing",
    "train.betas=[1.0, 0.98]": "train.betas.0: .*less than 1",
    "train.warm_up=1.1": "train.warm_up: .*less than or equal to 1",
    "seed=-1": "seed: .*greater than or equal to 0",
    "seed=1979-05-27": "seed: .*valid integer.*1979-05-27",
    "corpus=5": "corpus: .*got 5",
    "corpus.dev_speakers=0": "corpus: set exactly one of dev_speakers and dev_utterances",
    "corpus.dev_utterances=5": "corpus: set exactly one of dev_speakers and dev_utterances",
    "name=Upper Case": "name: .*pattern.*got 'Upper Case'",
    "name=../escape": "name: .*pattern",
    "text=fancy": "text: .*'plain-1'.*got 'fancy'",
    "tokenizer.kind=bytes": "tokenizer.kind: .*'characters', 'subwords' or 'phones'",
    "tokenizer.kind=phones": 'phones need pronunciations = "corpus", "cmudict" or a file beside the recipe',
    "tokenizer.pronunciations=cmudict": 'pronunciations, stress, prefer and boundaries are for kind = "phones" only',
    'tokenizer={kind="phones", pronunciations="/lexicons/my.dict"}': "pronunciations is a path relative to the recipe",
    'tokenizer={kind="phones", pronunciations="corpus", alphabet="ab"}': "alphabet is for characters and subwords",
    "tokenizer.kind=subwords": "tokenizer: subwords need size = 8 or more, got 0",
    "tokenizer.size=100": "tokenizer: size is for subwords only",
    "front_end.hop=0.03": "front_end: need 0 < hop <= window, got 0.03 s and 0.025 s",
    "front_end.hop=0": "front_end: need 0 < hop <= window",
    "front_end.hop=0.00001": "front_end: at 16000 Hz",
    "front_end.high=9000": r"front_end: need low < high <= 8000 Hz .*got 20 and 9000",
    "front_end.low=8000": "front_end: need low < high",
    "front_end.floor=1e-60": "front_end.floor: ",
    "front_end.kind=mfcc": "",
    "model.convolutions=[{}]": "key model.convolutions.0.channels is missing",
    "model.convolutions=[{channels=1,kernel=[2,3]}]": r"kernel sizes must be odd .*got \[2, 3\]",
    "model.dropout=1": "model.dropout: .*less than 1",
    "augment.speed=[]": "augment: speed needs one factor or more",
    "augment.speed=[0.3]": "augment.speed.0: .*greater than 0.4",
    "augment.noise_snr=[20,10]": r"augment: noise_snr is \[low, high\] in dB, got \[20.0, 10.0\]",
    "spec_augment.time_share=1.5": "spec_augment.time_share: .*less than or equal to 1",
}


@pytest.mark.parametrize(("change", "expected"), IMPOSSIBLE.items())
def test_impossible_value(base: Path, change: str, expected: str) -> None:
    if not expected:  # a control: this one is possible
        assert load_recipe(base, [change]).front_end.features == 40
        return
    with pytest.raises(RecipeError, match=expected) as caught:
        load_recipe(base, [change])
    assert "\n" not in str(caught.value)


def test_cepstra_are_no_more_than_bands() -> None:
    with pytest.raises(ValidationError, match="coefficients <= mels, got 40 and 20"):
        FrontEnd(kind="mfcc", mels=20)


def test_all_mistakes_at_once(base: Path) -> None:
    text = message(base, "sed=1", "train.epochs=0", "model.layers=0")
    assert all(key in text for key in ("sed", "train.epochs", "model.layers"))


def test_missing_keys(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    text = message(tmp_path / "empty.toml")
    assert "key name is missing" in text
    assert "key corpus is missing" in text


def test_extends_changes_some_keys(base: Path) -> None:
    child = base.with_name("child.toml")
    child.write_text('extends = "base.toml"\nname = "child"\n[corpus]\nsplit_key = "b"\n[train]\nepochs = 9')
    grandchild = base.with_name("grandchild.toml")
    grandchild.write_text('extends = "child.toml"\n[train]\nclip = 2\n[augment]\nspeed = [1.0]')
    recipe = load_recipe(grandchild, ["train.clip=3"])
    assert recipe.name == "child"
    assert (recipe.corpus.name, recipe.corpus.split_key) == ("an4", "b")
    assert (recipe.train.epochs, recipe.train.clip) == (9, 3.0)
    assert recipe.augment.speed == (1.0,)  # an array is replaced, not joined


def test_extends_from_another_folder(base: Path) -> None:
    folder = base.parent / "mine"
    folder.mkdir()
    (folder / "child.toml").write_text('extends = "../base.toml"\nseed = 4')
    assert load_recipe(folder / "child.toml").seed == 4


def test_extends_in_a_circle(base: Path) -> None:
    base.write_text('extends = "child.toml"\n' + BASE)
    base.with_name("child.toml").write_text('extends = "base.toml"')
    assert "extend each other in a circle" in message(base)
    base.write_text('extends = "base.toml"\n' + BASE)
    assert "extend each other in a circle" in message(base)


@pytest.mark.parametrize(
    ("value", "expected"), [("3", "got 3"), ('"gone.toml"', "gone.toml: no such recipe")]
)
def test_extends_nothing_that_can_be(base: Path, value: str, expected: str) -> None:
    base.write_text(f"extends = {value}\n" + BASE)
    assert expected in message(base)


def test_change_takes_values_of_every_kind(base: Path) -> None:
    changes = ["seed=3", "tokenizer.kind=subwords", "tokenizer.size = 30", "train.learning_rate=2e-3"]
    changes += ["model.bidirectional=false", 'corpus.split_key="a=b"', "augment.speed=[0.95, 1.05]"]
    recipe = load_recipe(base, changes)
    assert (recipe.seed, recipe.tokenizer.kind, recipe.tokenizer.size) == (3, "subwords", 30)
    assert (recipe.train.learning_rate, recipe.model.bidirectional) == (0.002, False)
    assert (recipe.corpus.split_key, recipe.augment.speed) == ("a=b", (0.95, 1.05))


def test_last_change_wins(base: Path) -> None:
    assert load_recipe(base, ["seed=3", "seed=4"]).seed == 4


@pytest.mark.parametrize("change", ["seed", "=3", " = 3"])
def test_change_without_key_or_value(base: Path, change: str) -> None:
    assert message(base, change) == f"--set {change}: expected KEY=VALUE, for example --set train.epochs=3"


def test_change_below_a_value(base: Path) -> None:
    assert message(base, "name.first=x") == "--set name.first=x: name is a value, not a table"


def test_files_that_are_no_recipe(tmp_path: Path, base: Path) -> None:
    assert "no such recipe" in message(tmp_path / "gone.toml")
    assert "a recipe is a TOML file" in message(tmp_path)
    assert "a recipe is a TOML file" in message(base / "below-a-file.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    assert "a recipe is a TOML file" in message(tmp_path / "bytes.toml")
    (tmp_path / "broken.toml").write_text("name = ")
    assert f"{tmp_path / 'broken.toml'}: not valid TOML" in message(tmp_path / "broken.toml")


def test_recipe_of_a_record(base: Path, tmp_path: Path) -> None:
    recipe = load_recipe(base)
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"format": 1, "recipe": recipe.model_dump(mode="json")}))
    assert load_recipe(path) == recipe
    assert load_recipe(path, ["seed=9"]).seed == 9
    for contents in ("", "[]", '{"recipe": 3}', '{"format": 1}'):
        path.write_text(contents)
        assert f"{path}: not a " in message(path)
    path.write_text('{"recipe": {"sed": 1}}')
    assert "unknown key sed" in message(path)


def test_keys_that_came_later_leave_older_recipes_their_digest(tmp_path: Path) -> None:
    """Said where they are used, and else not at all: a study's digests are those of its recipes as they were."""
    recipe = miniature.recipe()
    tree = recipe.model_dump(mode="json")
    assert not {"joined", "joined_utterances"} & tree["augment"].keys()
    assert "chosen_epoch" not in tree["train"]
    used = miniature.recipe(augment={"joined": 0.5}, train__chosen_epoch="last")
    tree = used.model_dump(mode="json")
    assert (tree["augment"]["joined"], tree["augment"]["joined_utterances"]) == (0.5, 4)
    assert tree["train"]["chosen_epoch"] == "last"
    for number, each in enumerate((recipe, used)):
        path = tmp_path / f"{number}.toml"
        path.write_text(to_toml(each))
        assert load_recipe(path) == each
        assert load_recipe(path).digest() == each.digest()


def test_joined_utterances_where_none_are_joined() -> None:
    with pytest.raises(RecipeError, match="joined_utterances is of no use where none are joined"):
        miniature.recipe(augment={"joined_utterances": 2})
