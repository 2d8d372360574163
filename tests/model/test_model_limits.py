"""Models that ask for more than anybody trains are refused before they are built."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from asr.errors import BundleError
from asr.model.description import Description
from asr.models.limits import check_limits

TREE: dict[str, Any] = {
    "format": 1,
    "name": "test",
    "front_end": {},
    "model": {},
    "text": "plain-1",
    "tokenizer": {"kind": "characters", "alphabet": ["a"]},
    "weights": "",
    "recipe_digest": "",
}


def described(**changes: dict[str, Any]) -> Description:
    return Description.model_validate({**TREE, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model": {"layers": 10**9}}, "layers 1,000,000,000, at most 1,000"),
        ({"model": {"hidden": 10**30}}, "hidden 1,0"),
        ({"model": {"projection": 10**7}}, "projection"),
        ({"model": {"convolutions": ({"channels": 10**6},)}}, "channels"),
        ({"model": {"convolutions": ({"channels": 1},) * 101}}, "convolutions 101"),
        (
            {"model": {"attention_decoder": {"layers": 10**9}}},
            "attention_decoder.layers 1,000,000,000, at most 1,000",
        ),
        ({"model": {"attention_decoder": {"hidden": 10**8}}}, "attention_decoder.hidden"),
        ({"front_end": {"mels": 5_000}}, "mels 5,000, at most 4,096"),
        ({"front_end": {"window": 1e6}}, "80 mels of 1e+06 s at 16000 Hz"),
    ],
)
def test_descriptions(changes: dict[str, Any], expected: str, tmp_path: Path) -> None:
    check_limits(tmp_path, described())
    with pytest.raises(BundleError) as caught:
        check_limits(tmp_path, described(**changes))
    assert str(caught.value).startswith(f"{tmp_path / 'model.json'}: {expected}")


@pytest.mark.parametrize("before", [b"", b"\n", b"-1 a\n" * 209_714 + b"b"])  # the last: across two reads
def test_lines_of_a_language_model(before: bytes, tmp_path: Path) -> None:
    path = tmp_path / "language_model.arpa.gz"
    for length in (4_095, 4_096, 4_097, 3_000_000):
        path.write_bytes(gzip.compress(before + b"a" * (length - before.endswith(b"b")) + b"\nshort\n"))
        if length <= 4_096:
            check_limits(tmp_path, described())
        else:
            with pytest.raises(BundleError, match=r"has a line of more than 4,096 bytes"):
                check_limits(tmp_path, described())


def test_other_faults_are_left_to_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "language_model.arpa.gz"
    for data in (b"", b"no gzip", gzip.compress(b"a" * 100)[:-9]):
        path.write_bytes(data)
        check_limits(tmp_path, described())
