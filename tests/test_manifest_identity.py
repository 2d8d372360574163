"""Identities: of decoded audio, of an utterance, of a set of them, of a manifest."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import read_pcm16
from asr.manifest import (
    Utterance,
    audio_digest,
    digest_of,
    identity,
    manifest_digest,
    read_manifest,
    write_manifest,
)

KEYS = {"id", "duration", "text", "speaker", "offset", "lang", "digest", "audio_digest"}
texts = st.text() | st.sampled_from(["one\ntwo\r\n", "\x85\u2028", "ÄÖÜ ß 語 🎤"])
seconds = st.floats(min_value=0, allow_infinity=False, allow_nan=False) | st.integers(0, 9)
utterances = st.lists(
    st.builds(
        Utterance,
        id=st.text("ab", min_size=1, max_size=2),
        audio_filepath=st.sampled_from(["/a.wav", "/b/c.flac"]),
        duration=seconds,
        text=texts,
        speaker=texts,
        offset=seconds,
        lang=texts,
        digest=st.sampled_from(["", "0" * 64]),
        audio_digest=st.sampled_from(["", "f" * 64]),
    )
)


def utterance_digest(samples: np.ndarray, sample_rate: int, text: str, speaker: str) -> str:
    return digest_of(audio_digest(samples, sample_rate), text, speaker)


pcm = st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=20).map(
    lambda values: np.array(values, np.int16)[:, None]
)


@given(pcm, st.data())
def test_digest_tells_every_sample(samples: np.ndarray, data: st.DataObject) -> None:
    digest = utterance_digest(samples, 8000, "yes", "a")
    assert digest == utterance_digest(samples.copy(), 8000, "yes", "a")
    changed = samples.copy()
    changed[data.draw(st.integers(0, len(samples) - 1))] ^= 1 << data.draw(st.integers(0, 14))
    others = [
        (changed, 8000, "yes", "a"),
        (samples, 16000, "yes", "a"),
        (samples, 8000, "yet", "a"),
        (samples, 8000, "yes", "b"),
        (samples, 8000, "yesa", ""),
        (np.hstack([samples, samples]), 8000, "yes", "a"),
    ]
    assert digest not in {utterance_digest(*other) for other in others}


def test_digest_is_what_it_always_was() -> None:
    """Lock files depend on these bytes."""
    samples = np.array([[0], [1], [-1], [32767], [-32768]], np.int16)
    expected = "ac3e91e467f4901e0419ee746486f91654520f84abf31bd6ad1941b9d9ff7f33"
    assert utterance_digest(samples, 16_000, "yes", "fash") == expected
    assert utterance_digest(samples.astype(">i2"), 16_000, "yes", "fash") == expected


def test_digest_wants_integers() -> None:
    with pytest.raises(ValueError, match=r"expected \(samples, channels\) int16, got \(5,\) float32"):
        audio_digest(np.zeros(5, np.float32), 16_000)


@given(st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), unique=True), st.randoms())
def test_identity_knows_no_order(digests: list[str], random: "object") -> None:
    shuffled = sorted(digests, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert identity(shuffled) == identity(digests)
    assert identity([*digests, "0"]) != identity(digests)


def test_copies_count() -> None:
    assert identity(["a" * 64]) != identity(["a" * 64, "a" * 64])


signals = st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=60)


@given(signals, st.integers(1, 2), st.sampled_from([8000, 11025, 16000, 44100]))
def test_any_signal_has_one_digest_in_all_formats(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], channels: int, rate: int
) -> None:
    samples = np.repeat(np.array(values, np.int16)[:, None], channels, axis=1)
    for kind in ("WAV", "FLAC", "NIST", "AIFF"):
        path = tmp_path_factory.getbasetemp() / "signal"
        soundfile.write(path, samples, rate, format=kind, subtype="PCM_16")
        assert audio_digest(*read_pcm16(path)) == audio_digest(samples, rate)


words = st.text(max_size=4)
spoken = st.lists(st.tuples(signals, st.sampled_from([8000, 16000]), words, words), min_size=1, max_size=4)


def identity_of(corpus: list[tuple[list[int], int, str, str]]) -> str:
    return identity(
        digest_of(audio_digest(np.array(values, np.int16)[:, None], rate), text, speaker)
        for values, rate, text, speaker in corpus
    )


@given(spoken, st.data())
def test_any_single_change_is_another_identity(
    corpus: list[tuple[list[int], int, str, str]], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(corpus) - 1))
    values, rate, text, speaker = corpus[number]
    place = data.draw(st.integers(0, len(values) - 1))
    bit = data.draw(st.integers(0, 14))
    flipped = int(np.int16(values[place]) ^ np.int16(1 << bit))
    cut = data.draw(st.integers(0, len(text)))
    character = data.draw(st.characters(exclude_categories=["Cs"]))
    changes = [
        ([*values[:place], flipped, *values[place + 1 :]], rate, text, speaker),
        ([*values, 0], rate, text, speaker),
        (values, 24_000 - rate, text, speaker),
        (values, rate, text[:cut] + character + text[cut:], speaker),
        (values, rate, text, speaker + character),
        (values, rate, text + "x", speaker) if text.endswith(speaker) else (values, rate, text + speaker, ""),
    ]
    for change in changes:
        if change != corpus[number]:
            assert identity_of([*corpus[:number], change, *corpus[number + 1 :]]) != identity_of(corpus)
    assert identity_of(corpus[::-1]) == identity_of(corpus)
    assert identity_of([*corpus, corpus[number]]) != identity_of(corpus)
    assert identity_of([*corpus[:number], *corpus[number + 1 :]]) != identity_of(corpus)


@given(utterances, st.randoms(use_true_random=False))
def test_digest_of_a_manifest_is_that_of_its_utterances(
    tmp_path_factory: pytest.TempPathFactory, written: list[Utterance], random: "object"
) -> None:
    """In memory, read back, in another order, with files in another place."""
    path = tmp_path_factory.mktemp("manifest") / "a.jsonl"
    write_manifest(path, written)
    digest = manifest_digest(written)
    assert manifest_digest(read_manifest(path)) == digest
    shuffled = sorted(written, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert manifest_digest(replace(item, audio_filepath="elsewhere.flac") for item in shuffled) == digest
    assert manifest_digest([*written, Utterance("new", "/x.wav", 1.0, "")]) != digest


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "b"},
        {"duration": 1.0000000000000002},
        {"text": "yet"},
        {"speaker": "a"},
        {"offset": 0.5},
        {"lang": "en"},
        {"digest": "0" * 63 + "1"},
        {"audio_digest": "0" * 64},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_digest_of_a_manifest_knows_every_key_but_the_place(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    """Each line altered in the file, one at a time; no key is forgotten."""
    utterance = Utterance("a", "/a.wav", 1.0, "yes", digest="0" * 64)
    write_manifest(tmp_path / "a.jsonl", [utterance])
    before = manifest_digest(read_manifest(tmp_path / "a.jsonl"))
    tree = json.loads((tmp_path / "a.jsonl").read_text())
    assert tree.keys() - {"audio_filepath"} == KEYS
    (tmp_path / "a.jsonl").write_text(json.dumps(tree | changed))
    assert manifest_digest(read_manifest(tmp_path / "a.jsonl")) != before


def test_digest_of_a_manifest_is_what_it_always_was() -> None:
    """Records depend on these bytes: another program can compute them from the docstring."""
    line = (
        '{"audio_digest":"","digest":"","duration":1.0,"id":"a","lang":"","offset":0.0,"speaker":"",'
        '"text":"\\u00e4"}\n'
    )
    expected = hashlib.sha256((line + line.replace('"a"', '"b"')).encode()).hexdigest()
    b, a = Utterance("b", "/b.wav", 1, "ä"), Utterance("a", "/a.wav", 1.0, "ä")
    assert manifest_digest([b, a]) == expected
