"""The reader `manifest`: two manifests and sound files, as people have them from other toolkits."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import read_audio
from asr.corpora import PreparedCorpus, prepare
from asr.errors import CorpusError
from asr.manifest import audio_digest, digest_of
from asr.recipe_file import load_recipe

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-corpus.md"
Noise = Callable[..., np.ndarray]


def line(audio: str, duration: float = 0.0, text: str = "yes", **more: object) -> dict[str, object]:
    return {"audio_filepath": audio, "duration": duration, "text": text, **more}


def write(folder: Path, **splits: list[dict[str, object]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split, lines in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in lines))
    return folder


@pytest.fixture
def folder(tmp_path: Path, mini_noise: Noise) -> Path:
    """Two seconds at 8 kHz each, in several formats."""
    (tmp_path / "mine/wav").mkdir(parents=True)
    for name in ("a.wav", "b.FLAC", "c.ogg", "talk.wav"):
        soundfile.write(tmp_path / "mine/wav" / name, mini_noise(name, 16_000), 8000)
    return tmp_path / "mine"


@pytest.fixture
def get(tmp_path: Path) -> Callable[[Path], PreparedCorpus]:
    return lambda folder: prepare("manifest", folder, tmp_path / "cache")


def test_own_recordings(folder: Path, get: Callable[[Path], PreparedCorpus], mini_noise: Noise) -> None:
    write(
        folder,
        train=[line("wav/a.wav", 2.0, "Good morning", speaker="anna", lang="en"), line("wav/b.FLAC")],
        test=[line(str(folder / "wav/c.ogg"), 2, id="last")],
    )
    corpus = get(folder)
    assert (corpus.name, corpus.source_name, corpus.lock_state) == ("manifest", "mine", "no lock")
    assert (corpus.broken, corpus.maker) == ((), "")
    a, b = corpus.splits["train"]
    assert (a.id, a.text, a.speaker, a.duration) == ("a", "Good morning", "anna", 2.0)
    assert (b.id, b.speaker, b.duration) == ("b", "", 2.0)
    samples = mini_noise("a.wav", 16_000)[:, None]
    assert a.digest == digest_of(audio_digest(samples, 8000), "Good morning", "anna")
    assert [u.id for u in corpus.splits["test"]] == ["last"]
    assert get(folder.parent).locks == corpus.locks


def test_parts_of_a_file(folder: Path, get: Callable[[Path], PreparedCorpus], mini_noise: Noise) -> None:
    """Each is decoded and known by itself, also from memory; another part of the same file is another digest."""
    parts = [
        line("wav/talk.wav", 0.5),
        line("wav/talk.wav", 0.5, offset=0.75),
        line("wav/talk.wav", offset=1.5),
    ]
    write(folder, train=parts, test=[line("wav/a.wav")])
    corpus = get(folder)
    assert get(folder) == corpus
    first, second, third = corpus.splits["train"]
    assert [u.id for u in (first, second, third)] == ["talk", "talk@0.75", "talk@1.5"]
    assert [u.duration for u in (first, second, third)] == [0.5, 0.5, 0.5]
    samples = mini_noise("talk.wav", 16_000)
    assert second.digest == digest_of(audio_digest(samples[6000:10_000, None], 8000), "yes", "")
    assert len({first.digest, second.digest, third.digest}) == 3
    heard = read_audio(second.audio_filepath, offset=second.offset, duration=second.duration).samples
    np.testing.assert_array_equal(heard, samples[6000:10_000] / np.float32(32768))


def test_what_is_broken_is_left_out(folder: Path, get: Callable[[Path], PreparedCorpus]) -> None:
    (folder / "wav/bad.wav").write_text("no sound")
    outside = folder.parent / "outside.wav"
    given = [
        line("wav/a.wav", 2.05),  # rounded, or by another program's count
        line("wav/b.FLAC", 5.0),
        line("wav/talk.wav", 1.0, offset=7),
        line("wav/bad.wav", 1.0),
        line("wav/gone.wav", 1.0),
        line(str(outside), 1.0),
    ]
    write(folder, train=given, test=[line("wav/c.ogg")])
    corpus = get(folder)
    assert [(u.id, u.duration) for u in corpus.splits["train"]] == [("a", 2.0)]
    reasons = {item.id: item.reason for item in corpus.broken}
    assert list(reasons) == ["b", "talk@7", "bad", "gone", "outside"]
    assert reasons["b"] == "wav/b.FLAC: ends 2.00 s after second 0, but its utterance has 5.00 s"
    assert reasons["outside"].startswith("outside.wav: ")
    assert not [reason for reason in reasons.values() if str(folder.parent) in reason]
    write(folder, test=[line("wav/c.ogg", 3.0)])
    with pytest.raises(CorpusError, match=r"c\.ogg: ends 2\.00 s after second 0"):
        get(folder)


@pytest.mark.parametrize(
    ("train", "test", "complaint"),
    [
        ([line("wav/a.wav")], None, r"test\.jsonl: missing; expected train\.jsonl and test\.jsonl"),
        ([line("wav/a.wav")], [], "the test split of manifest is empty"),
        (
            [line("wav/a.wav"), {"text": "x"}],
            [line("wav/b.FLAC")],
            r"train\.jsonl:2: key audio_filepath is missing",
        ),
        (
            [line("one/001.wav"), line("two/001.wav")],
            [line("wav/a.wav")],
            r"one/001\.wav and .*two/001\.wav are both called '001'; give each line an \"id\" of its own",
        ),
        ([line("wav/a.wav")], [line("wav/a.wav")], r"both called 'a'"),
        ([line("gone.wav")], [line("wav/a.wav")], r"1 of 2 audio files cannot be used; .*gone\.wav"),
    ],
)
def test_what_can_be_wrong(
    folder: Path,
    get: Callable[[Path], PreparedCorpus],
    train: list[dict[str, object]],
    test: list[dict[str, object]] | None,
    complaint: str,
) -> None:
    write(folder, train=train, **({} if test is None else {"test": test}))
    with pytest.raises(CorpusError, match=complaint):
        get(folder)


def test_path_is_needed(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"manifest: .*say where with --corpus FOLDER; expected train\.jsonl"
    ):
        prepare("manifest", None, tmp_path)


def test_example_of_the_page(
    folder: Path, get: Callable[[Path], PreparedCorpus], mini_noise: Noise, tmp_path: Path
) -> None:
    """Its lines are read and its recipe is one."""
    page = PAGE.read_text(encoding="utf-8")
    lines, recipe = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("json", "toml"))
    assert lines is not None
    assert recipe is not None
    for name in ("wav/anna-001.wav", "wav/anna-002.wav", "talks/bert.flac"):
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, mini_noise(name, 16_000 * 8), 8000)
    write(folder, test=[line("wav/a.wav")])
    (folder / "train.jsonl").write_text(lines[1], encoding="utf-8")
    assert [u.duration for u in get(folder).splits["train"]] == [2.31, 1.74, 3.2]
    (tmp_path / "mine.toml").write_text(recipe[1], encoding="utf-8")
    assert load_recipe(tmp_path / "mine.toml").corpus.name == "manifest"
