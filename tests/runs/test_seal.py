"""The seal names the part of a record that was altered, and says nothing where nothing was."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import by_hand
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.runs.record import read_record, write_record
from asr.runs.seal import canonical_digest, seal_of

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
)
names = st.text("abc", min_size=1, max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
finite = values.filter(lambda value: "Infinity" not in json.dumps(value))


def test_digest_by_hand() -> None:
    """Sorted keys, no spaces, ASCII: what `jq -acS` prints for it, and sha256sum of that."""
    text = '{"a":[1,2.5,null,true],"b":{"c":"\\u00e9","d":{}}}'
    assert canonical_digest({"b": {"d": {}, "c": "é"}, "a": [1, 2.5, None, True]}) == (
        hashlib.sha256(text.encode()).hexdigest()
    )
    # printf '{"a":1}' | sha256sum
    assert canonical_digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


@given(st.dictionaries(names, finite, max_size=4))
def test_order_of_keys_does_not_matter(tree: dict[str, Any]) -> None:
    turned = dict(reversed(tree.items()))
    assert canonical_digest(turned) == canonical_digest(tree)
    assert seal_of(turned) == seal_of(tree)
    assert canonical_digest(json.loads(json.dumps(tree))) == canonical_digest(tree)  # as it is read back


@given(finite, finite)
def test_another_value_has_another_digest(first: Any, second: Any) -> None:
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (canonical_digest(first) == canonical_digest(second)) == same


def test_not_a_number_is_refused() -> None:
    """JSON has none, and every program would write another one."""
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            canonical_digest({"wer": value})


def test_parts() -> None:
    """Keys of objects one level down; lists, values and what is empty stand as they are; the seal is no part."""
    tree = {"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": [{"g": 4}], "h": {}, "seal": {"a": "x"}}
    assert seal_of(tree) == {
        "a": canonical_digest(1),
        "b.c": canonical_digest(2),
        "b.d": canonical_digest({"e": 3}),
        "f": canonical_digest([{"g": 4}]),
        "h": canonical_digest({}),
    }


def test_every_part_of_a_record_is_sealed(tmp_path: Path) -> None:
    """One part altered, one digest other: its own."""
    made = write_record(tmp_path, by_hand.record())
    tree = json.loads((tmp_path / "record.json").read_text())
    assert tree["seal"] == made.seal == seal_of(tree)
    assert {name.partition(".")[0] for name in made.seal} == tree.keys() - {"seal"}
    for name in made.seal:
        altered = copy.deepcopy(tree)
        first, _, second = name.partition(".")
        if second:
            altered[first][second] = "altered"
        else:
            altered[first] = "altered"
        found = seal_of(altered)
        assert {key for key in made.seal if found.get(key) != made.seal[key]} == {name}


def test_a_seal_survives_being_read_and_written(tmp_path: Path) -> None:
    """Floats and all: reading changes nothing, so another file with the same record has the same seal."""
    write_record(tmp_path, by_hand.record())
    again = tmp_path / "again"
    again.mkdir()
    write_record(again, read_record(tmp_path))
    assert (again / "record.json").read_bytes() == (tmp_path / "record.json").read_bytes()


def test_only_a_complete_record_is_sealed(tmp_path: Path) -> None:
    for status in ("running", "interrupted"):
        assert write_record(tmp_path, by_hand.record(status=status, seal={"old": "seal"})).seal == {}
        assert read_record(tmp_path).seal == {}
