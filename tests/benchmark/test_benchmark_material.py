"""What all systems are given: exact samples, the development part of a recipe, a draw that ids alone decide."""

import dataclasses
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile
import tomli_w

from asr.benchmark.errors import BenchmarkError
from asr.benchmark.material import Material, material_of, pcm16, wav
from asr.benchmark.spec import benchmark_of
from asr.corpora.holdout import hold_out
from asr.corpora.prepare import prepare
from asr.errors import AudioError, CorpusError
from asr.identity import audio_digest
from asr.manifest import Utterance, write_manifest

SYSTEM = {"kind": "command", "name": "x", "command": "hear {audio}"}


def materials(folder: Path, corpus: dict[str, object], places: dict[str, Path] | None = None) -> Material:
    tree = {"name": "x", "sample_rate": miniature.RATE, "corpora": [corpus], "systems": [SYSTEM]}
    benchmark = benchmark_of(tree, "here")
    return material_of(benchmark, folder, folder / "cache", places=places or {}, check=False)[0]


def test_samples_of_a_mono_file_are_its_own(tmp_path: Path) -> None:
    samples = np.array([0, 1, -1, 32767, -32768, 12345], np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 8000, subtype="PCM_16")
    utterance = Utterance("a", str(tmp_path / "a.flac"), 6 / 8000, "x")
    assert pcm16(utterance)[0].tolist() == samples.tolist()
    (tmp_path / "b.wav").write_bytes(wav(samples, 8000))
    read, rate = soundfile.read(tmp_path / "b.wav", dtype="int16")
    assert (read.tolist(), rate) == (samples.tolist(), 8000)
    assert len(wav(samples, 8000)) == 44 + 12


def test_channels_are_mixed_and_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    both = np.array([[100, 300], [-3, -4], [32767, 32767], [-32768, -32768]], np.int16)
    soundfile.write(tmp_path / "a.wav", both, 8000, subtype="PCM_16")
    utterance = Utterance("a", str(tmp_path / "a.wav"), 4 / 8000, "x")
    assert pcm16(utterance)[0].tolist() == [200, -4, 32767, -32768]  # half to even
    loud = np.array([1.5, -1.5, 0.25], np.float32)
    soundfile.write(tmp_path / "b.wav", loud, 8000, subtype="FLOAT")
    utterance = Utterance("b", str(tmp_path / "b.wav"), 3 / 8000, "x")
    assert pcm16(utterance)[0].tolist() == [32767, -32768, 8192]
    samples, rate = pcm16(utterance, 16000)
    assert (len(samples), rate) == (6, 16000)


def test_each_recording_keeps_its_rate_unless_one_is_asked_for(tmp_path: Path) -> None:
    """Resampled to more and rounded, a recording has noise where it had nothing, and models hear it."""
    samples = np.rint(8000 * np.sin(np.arange(4000) / 3)).astype(np.int16)
    utterances = []
    for rate in (8000, 16000):
        soundfile.write(tmp_path / f"{rate}.wav", samples, rate, subtype="PCM_16")
        utterances.append(Utterance(f"u{rate}", str(tmp_path / f"{rate}.wav"), 4000 / rate, "GO"))
    write_manifest(tmp_path / "m.jsonl", utterances)
    tree = {"name": "x", "corpora": [{"name": "c", "manifest": "m.jsonl"}], "systems": [SYSTEM]}
    for asked, expected in ((None, [16000, 8000]), (16000, [16000, 16000])):
        benchmark = benchmark_of(tree | ({"sample_rate": asked} if asked else {}), "here")
        found = material_of(benchmark, tmp_path, tmp_path / "cache", places={})[0].spoken
        assert [each.sample_rate for each in found] == expected
        assert [each.seconds for each in found] == [0.25, 0.5]
        own, rate = soundfile.read(found[0].path, dtype="int16")
        assert (own.tolist(), rate) == (samples.tolist(), 16000)
        if asked is None:
            own, rate = soundfile.read(found[1].path, dtype="int16")
            assert (own.tolist(), rate) == (samples.tolist(), 8000)


def test_a_stretch_of_a_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.arange(80, dtype=np.int16), 8000, subtype="PCM_16")
    utterance = Utterance("a", str(tmp_path / "a.wav"), 0.002, "x", offset=0.005)
    assert pcm16(utterance)[0].tolist() == list(range(40, 56))


def test_manifest_in_the_order_of_its_ids(tmp_path: Path) -> None:
    utterances = miniature.write_utterances(tmp_path / "wav", ["GO", "NO", "YES GO", "ONE"])
    write_manifest(tmp_path / "m.jsonl", reversed(utterances))
    found = materials(tmp_path, {"name": "c", "manifest": "m.jsonl"})
    assert [each.id for each in found.spoken] == ["u0", "u1", "u2", "u3"]
    for each in found.spoken:
        samples, rate = soundfile.read(each.path, dtype="int16")
        assert audio_digest(samples[:, None], rate) == each.audio
    few = materials(tmp_path, {"name": "c", "manifest": "m.jsonl", "most": 2})
    write_manifest(tmp_path / "m.jsonl", utterances)
    again = materials(tmp_path, {"name": "c", "manifest": "m.jsonl", "most": 2})
    assert few.spoken == again.spoken
    assert len(few.spoken) == 2
    assert {each.id for each in few.spoken} < {"u0", "u1", "u2", "u3"}


def test_a_damaged_file_in_the_cache_is_written_again(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", miniature.write_utterances(tmp_path / "wav", ["GO", "NO"]))
    first = materials(tmp_path, {"name": "c", "manifest": "m.jsonl"})
    content = first.spoken[0].path.read_bytes()
    first.spoken[0].path.write_bytes(content[:-2])
    assert materials(tmp_path, {"name": "c", "manifest": "m.jsonl"}) == first
    assert first.spoken[0].path.read_bytes() == content


def test_development_part_of_a_recipe(tmp_path: Path) -> None:
    corpus = miniature.write_corpus(tmp_path)
    recipe = miniature.recipe()
    (tmp_path / "r.toml").write_text(tomli_w.dumps(recipe.model_dump(mode="json")), encoding="utf-8")
    given = {"name": "an4", "part": "dev", "recipe": "r.toml"}
    found = materials(tmp_path, given, {"an4": corpus})
    train = prepare("an4", corpus, tmp_path / "cache", check=False).splits["train"]
    assert [each.id for each in found.spoken] == sorted(u.id for u in hold_out(train, recipe.corpus)[1])
    assert len(materials(tmp_path, {"name": "test", "reader": "an4", "path": "an4"}).spoken) == 6
    with pytest.raises(BenchmarkError, match=r"an4 has no dev part; .*`recipe` names one"):
        materials(tmp_path, {"name": "an4", "part": "dev"}, {"an4": corpus})


def test_what_cannot_be_heard_is_refused(tmp_path: Path) -> None:
    utterances = miniature.write_utterances(tmp_path / "wav", ["GO", "NO"])
    write_manifest(tmp_path / "m.jsonl", utterances[:1])
    with pytest.raises(BenchmarkError, match="c: 1 utterances; two or more are needed"):
        materials(tmp_path, {"name": "c", "manifest": "m.jsonl"})
    write_manifest(tmp_path / "m.jsonl", [utterances[0], dataclasses.replace(utterances[1], id="u0")])
    with pytest.raises(BenchmarkError, match="utterance u0 is there twice"):
        materials(tmp_path, {"name": "c", "manifest": "m.jsonl"})
    (tmp_path / "wav" / "u1.wav").write_bytes(b"RIFF")
    write_manifest(tmp_path / "m.jsonl", utterances)
    with pytest.raises(AudioError, match=r"utterance u1: .*u1.wav"):
        materials(tmp_path, {"name": "c", "manifest": "m.jsonl"})
    with pytest.raises(CorpusError, match="no corpus is called 'c'"):
        materials(tmp_path, {"name": "c"})
