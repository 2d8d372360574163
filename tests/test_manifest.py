"""Manifests: what is written comes back; what is malformed is named."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr import manifest
from asr.errors import ManifestError
from asr.manifest import Utterance, read_manifest, write_manifest

seconds = st.floats(min_value=0, allow_infinity=False, allow_nan=False)
texts = st.text() | st.sampled_from(
    ["", "one\ntwo\r\n", "\x85\u2028\u2029\x1c", '"\\', "ÄÖÜ ß 語 🎤", "\x00"]
)
paths = st.text(min_size=1).map(
    lambda name: "/wav/" + name.replace("/", "_").replace("\0", "_").strip(".") + "x"
)
utterances = st.lists(
    st.builds(
        Utterance,
        id=texts.filter(bool),
        audio_filepath=paths,
        duration=seconds,
        text=texts,
        speaker=texts,
        offset=seconds,
        lang=texts,
        digest=st.sampled_from(["", "0" * 64, "0123456789abcdef" * 4]),
        audio_digest=st.sampled_from(["", "f" * 64]),
    )
)


@given(utterances)
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, written: list[Utterance]
) -> None:
    path = tmp_path_factory.mktemp("manifest") / "a.jsonl"
    write_manifest(path, written)
    assert list(read_manifest(path)) == written
    # Other programs see one line an utterance, whatever they take for a line end.
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(written)


@pytest.mark.parametrize("block", [1, 2, 7, 64, 1 << 24])
def test_index_does_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(manifest, "BLOCK", block)
    written = [Utterance(str(i), f"/{i}.wav", i, "x" * i) for i in range(30)]
    write_manifest(tmp_path / "a.jsonl", written)
    opened = read_manifest(tmp_path / "a.jsonl")
    assert list(opened) == written
    assert opened[-1] == written[-1]
    assert opened[3:20:5] == written[3:20:5]
    with pytest.raises(IndexError):
        opened[30]


def lines(tmp_path: Path, *given: str, end: str = "\n") -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(line + end for line in given), encoding="utf-8", newline="")
    return path


GOOD = '{"audio_filepath": "/a.wav", "duration": 1, "text": "yes"}'


def test_nemo_manifest(tmp_path: Path) -> None:
    """Only NeMo's keys, other keys, nulls, relative paths; DOS line ends and blank lines."""
    path = lines(
        tmp_path,
        GOOD,
        "",
        '{"audio_filepath": "wav/b.wav", "duration": 2.5, "text": "no", "offset": 1.25, "pred_text": "know"}',
        '{"audio_filepath": "wav/c.wav", "duration": 0, "text": "", "speaker": null, "offset": null, "id": ""}',
        "",
        end="\r\n",
    )
    assert list(read_manifest(path)) == [
        Utterance("a", "/a.wav", 1.0, "yes"),
        Utterance("b@1.25", str(tmp_path / "wav/b.wav"), 2.5, "no", offset=1.25),
        Utterance("c", str(tmp_path / "wav/c.wav"), 0.0, ""),
    ]


def test_last_line_without_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{GOOD}\n{GOOD}")
    assert len(read_manifest(path)) == 2


def test_empty_manifest(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.jsonl", [])
    assert list(read_manifest(tmp_path / "a.jsonl")) == []


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("nonsense", r"not a line of JSON"),
        ("{", r"not a line of JSON"),
        ("x", r"not a line of JSON"),
        ("[1]", r"expected a JSON object like .*found \[1\]"),
        ('{"duration": 1, "text": "x"}', r"key audio_filepath is missing"),
        ('{"audio_filepath": "a", "text": "x"}', r"key duration is missing"),
        ('{"audio_filepath": "a", "duration": 1}', r"key text is missing"),
        ('{"audio_filepath": "", "duration": 1, "text": ""}', r"audio_filepath must be the path of a file"),
        ('{"audio_filepath": 3, "duration": 1, "text": ""}', r"audio_filepath must be a string, found 3"),
        ('{"audio_filepath": "a", "duration": "1", "text": ""}', r"duration must be a number .*found '1'"),
        ('{"audio_filepath": "a", "duration": -1, "text": ""}', r"duration must be a number .*found -1"),
        ('{"audio_filepath": "a", "duration": NaN, "text": ""}', r"duration must be a number .*found nan"),
        ('{"audio_filepath": "a", "duration": true, "text": ""}', r"duration must be a number .*found True"),
        ('{"audio_filepath": "a", "duration": [1], "text": ""}', r"duration must be a number .*found \[1\]"),
        ('{"audio_filepath": "a", "duration": 1' + "0" * 400 + ', "text": ""}', r"duration must be a number"),
        ('{"audio_filepath": "a", "duration": 1, "text": ["x"]}', r"text must be a string, found \['x'\]"),
        ('{"audio_filepath": "a", "duration": 1, "text": "\\ud800"}', r"text is not valid Unicode"),
        ('{"audio_filepath": "a", "duration": 1, "text": "", "offset": -1}', r"offset must be a number"),
        ('{"audio_filepath": "a", "duration": 1, "text": "", "id": 7}', r"id must be a string, found 7"),
        ('{"audio_filepath": "a", "duration": 1, "text": "", "digest": "abc"}', r"digest must be 64"),
        (
            '{"audio_filepath": "a", "duration": 1, "text": "", "audio_digest": "abc"}',
            r"audio_digest must be 64",
        ),
    ],
)
def test_bad_line_is_named(tmp_path: Path, bad: str, complaint: str) -> None:
    opened = read_manifest(lines(tmp_path, GOOD, "", bad, GOOD))
    assert len(opened) == 3
    assert opened[0].text == opened[2].text == "yes"
    with pytest.raises(ManifestError, match=rf"a\.jsonl:3: {complaint}"):
        opened[1]


def test_line_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD.encode() + b"\n" + GOOD.replace("yes", "\xe4").encode("latin-1") + b"\n")
    with pytest.raises(ManifestError, match=r"a\.jsonl:2: not a line of JSON"):
        list(read_manifest(path))


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.jsonl: no such manifest"):
        read_manifest(tmp_path / "none.jsonl")
    with pytest.raises(ManifestError, match="not a readable file"):
        read_manifest(tmp_path)


def test_failed_write_leaves_the_old_manifest(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_manifest(path, [Utterance("a", "/a.wav", 1.0, "yes")])
    with pytest.raises(ManifestError, match="utterance 'b' is not valid Unicode"):
        write_manifest(path, [Utterance("b", "/b.wav", 1.0, "\ud800")])
    assert [u.id for u in read_manifest(path)] == ["a"]
    assert [item.name for item in tmp_path.iterdir()] == ["a.jsonl"]


def test_keys_are_those_of_nemo(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.jsonl", [Utterance("a", "/a.wav", 1.0, "ja, ähm")])
    tree = json.loads((tmp_path / "a.jsonl").read_bytes())
    assert {"audio_filepath", "duration", "text", "offset", "id", "speaker", "lang"} <= tree.keys()
    assert "ähm" in (tmp_path / "a.jsonl").read_text(encoding="utf-8")


def test_manifest_of_before_audio_digests(tmp_path: Path) -> None:
    old = lines(tmp_path, GOOD[:-1] + f', "digest": "{"0" * 64}"}}')
    assert (read_manifest(old)[0].digest, read_manifest(old)[0].audio_digest) == ("0" * 64, "")
