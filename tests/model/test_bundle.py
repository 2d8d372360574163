"""Bundles: what is loaded is what was saved, and what was tampered with is refused by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from asr.errors import BundleError
from asr.files import sha256_file
from asr.model.acoustic import AcousticModel, new_model
from asr.model.bundle import load_bundle, save_bundle, weights_digest
from asr.recipe import FrontEnd, Model
from asr.recipe import Tokenizer as TokenizerSettings
from asr.tokenizer import Tokenizer, build_tokenizer

TEXTS = ["yes no", "go on", "one two three"]
FRONT_END = FrontEnd(kind="mfcc", sample_rate=8000, mels=20, coefficients=13)
SIZES = Model(projection=8, layers=2, hidden=6)


def characters() -> Tokenizer:
    return build_tokenizer(TokenizerSettings(), TEXTS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AcousticModel]:
    folder = tmp_path_factory.mktemp("saved") / "model"
    model = new_model(FRONT_END, SIZES, characters().size, seed=3).eval()
    save_bundle(folder, model, characters(), name="test", text="plain-1", recipe_digest="ab12")
    return folder, model


@pytest.fixture
def copy(saved: tuple[Path, AcousticModel], tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved[0], tmp_path / "model"))


def test_weights_are_mapped_not_copied(saved: tuple[Path, AcousticModel]) -> None:
    """Each parameter lies in the pages of the file, which all processes that load it share."""
    weights = saved[0] / "weights.safetensors"
    bundle = load_bundle(saved[0])
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    spans = [
        tuple(int(end, 16) for end in line.split()[0].split("-"))
        for line in lines
        if line.endswith(str(weights))
    ]
    assert spans
    for name, parameter in bundle.model.named_parameters():
        assert any(begin <= parameter.data_ptr() < end for begin, end in spans), name
        assert torch.equal(parameter, saved[1].get_parameter(name))


def change(folder: Path, alter: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrites model.json; `alter` changes the tree or gives back another."""
    path = folder / "model.json"
    tree = json.loads(path.read_text())
    path.write_text(json.dumps(alter(tree) or tree))


def complaint(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    return str(caught.value)


def test_round_trip(saved: tuple[Path, AcousticModel]) -> None:
    folder, model = saved
    bundle = load_bundle(folder)
    assert bundle.description.name == "test"
    assert bundle.description.recipe_digest == "ab12"
    assert bundle.description.front_end == FRONT_END
    assert bundle.description.model == SIZES
    assert bundle.tokenizer.decode(characters().encode("go one")) == "go one"
    assert not bundle.model.training
    assert not any(parameter.requires_grad for parameter in bundle.model.parameters())
    assert weights_digest(bundle.model.state_dict()) == weights_digest(model.state_dict())
    waveforms, lengths = 0.1 * torch.randn(2, 4000), torch.tensor([4000, 2500])
    with torch.inference_mode():
        ours, theirs = bundle.model(waveforms, lengths), model(waveforms, lengths)
    assert torch.equal(ours.log_probs, theirs.log_probs)
    assert torch.equal(ours.lengths, theirs.lengths)


def test_subwords_travel_in_the_bundle(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(TokenizerSettings(kind="subwords", size=14), TEXTS * 5)
    model = new_model(FRONT_END, SIZES, tokenizer.size, seed=3)
    save_bundle(tmp_path, model, tokenizer, name="test", text="plain-1")
    loaded = load_bundle(tmp_path).tokenizer
    assert loaded.digest() == tokenizer.digest()
    assert loaded.decode(tokenizer.encode("go one")) == "go one"


def test_saved_twice_is_the_same_bytes(saved: tuple[Path, AcousticModel], tmp_path: Path) -> None:
    folder, model = saved
    save_bundle(tmp_path, model, characters(), name="test", text="plain-1", recipe_digest="ab12")
    for name in ("weights.safetensors", "model.json"):
        assert sha256_file(tmp_path / name) == sha256_file(folder / name)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]


def test_loading_leaves_the_random_state_alone(saved: tuple[Path, AcousticModel]) -> None:
    state = torch.random.get_rng_state()
    load_bundle(saved[0])
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("place", [0, 8, 500, -1])
def test_one_altered_byte_of_the_weights(copy: Path, place: int) -> None:
    weights = copy / "weights.safetensors"
    contents = bytearray(weights.read_bytes())
    contents[place] ^= 1
    weights.write_bytes(contents)
    text = complaint(copy)
    assert text.startswith(f"{weights}: altered or damaged: SHA-256 is {sha256_file(weights)[:12]}")


def test_cut_off_weights(copy: Path) -> None:
    weights = copy / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "altered or damaged" in complaint(copy)


def test_missing_files(copy: Path, tmp_path: Path) -> None:
    assert "no model here (no model.json)" in complaint(tmp_path)
    assert "no model here" in complaint(tmp_path / "nowhere")
    (copy / "weights.safetensors").unlink()
    assert complaint(copy).startswith(f"{copy / 'weights.safetensors'}: missing")


def test_a_file_is_no_folder(copy: Path) -> None:
    assert str(copy / "weights.safetensors") in complaint(copy / "weights.safetensors")


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_other_format(copy: Path, version: object) -> None:
    change(copy, lambda tree: tree.update(format=version))
    assert complaint(copy) == (
        f"{copy / 'model.json'}: bundle format {version!r}; this version of Attest reads format 1"
    )


@pytest.mark.parametrize("contents", ["[]", "3", '{"name": "some other program"}'])
def test_json_of_somebody_else(copy: Path, contents: str) -> None:
    (copy / "model.json").write_text(contents)
    assert "bundle format None" in complaint(copy)


@pytest.mark.parametrize("contents", [b"", b"{", b"\xff\xfe", b"weights"])
def test_no_json(copy: Path, contents: bytes) -> None:
    (copy / "model.json").write_bytes(contents)
    text = complaint(copy)
    assert text.startswith(f"{copy / 'model.json'}: not ")
    assert "JSON" in text


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (lambda tree: tree["front_end"].update(hops=1), "key front_end.hops: "),
        (lambda tree: tree["front_end"].update(mels="20"), "key front_end.mels: "),
        (lambda tree: tree["front_end"].update(hop=0.5), "key front_end: .*need 0 < hop <= window"),
        (lambda tree: tree.pop("weights") and None, "key weights: "),
        (lambda tree: tree.update(text="plain-2"), "key text: "),
        (lambda tree: tree.update(tokenizer={"kind": "phones"}), "not a tokenizer: "),
        (lambda tree: tree.update(tokenizer={"kind": "subwords", "sentencepiece": "AAAA"}), "SentencePiece"),
        (lambda tree: tree["model"].update(hidden=7), "does not fit model.json"),
        (lambda tree: tree["model"].update(layers=3), "does not fit model.json"),
        (lambda tree: tree["tokenizer"]["alphabet"].append("z"), "does not fit model.json"),
    ],
)
def test_description_that_cannot_be(
    copy: Path, alter: Callable[[dict[str, Any]], Any], expected: str
) -> None:
    change(copy, alter)
    with pytest.raises(BundleError, match=expected) as caught:
        load_bundle(copy)
    assert str(copy) in str(caught.value)


def test_sizes_of_a_giant_do_not_fill_the_memory(copy: Path) -> None:
    change(copy, lambda tree: tree["model"].update(hidden=10_000_000, layers=20))
    assert "does not fit model.json" in complaint(copy)


def test_weights_of_another_type(copy: Path) -> None:
    weights = copy / "weights.safetensors"
    save_file({name: value.double() for name, value in load_file(weights).items()}, weights)
    change(copy, lambda tree: tree.update(weights=sha256_file(weights)))
    assert "weights.safetensors" in complaint(copy)


def test_weights_that_are_a_pickle_are_never_opened(copy: Path, tmp_path: Path) -> None:
    """A pickle that would make a file when opened, with the right digest in model.json."""

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    weights = copy / "weights.safetensors"
    torch.save(Trap(), weights)
    change(copy, lambda tree: tree.update(weights=sha256_file(weights)))
    assert "does not fit model.json" in complaint(copy)
    assert not (tmp_path / "sprung").exists()


def test_weights_digest_is_of_names_shapes_and_values() -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}
    digest = weights_digest(tensors)
    assert weights_digest(dict(reversed(tensors.items()))) == digest
    assert (
        weights_digest({"a": torch.arange(6.0).reshape(3, 2).T.reshape(2, 3), "b": torch.ones(2)}) != digest
    )
    assert weights_digest({**tensors, "a": tensors["a"].reshape(3, 2)}) != digest
    assert weights_digest({"a": tensors["a"], "c": tensors["b"]}) != digest
    assert weights_digest({**tensors, "b": torch.tensor([1.0, 1.0000001])}) != digest
    assert (
        weights_digest({**tensors, "a": tensors["a"].T.contiguous().T}) == digest
    )  # memory order is not content
