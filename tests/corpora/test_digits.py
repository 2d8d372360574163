"""The embedded corpus. Most tests make a small piece of it; `pytest -m slow` makes all of it."""

import json
import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from asr.audio import read_pcm16
from asr.corpora import digits, espeak, get_reader, lock_of, prepare
from asr.corpora.digits import Settings, Voices, load_settings, make_with, plan, read, speaker, variant
from asr.corpora.holdout import hold_out
from asr.corpora.reading import data_file
from asr.errors import CorpusError
from asr.files import sha256_file
from asr.manifest import Utterance
from asr.recipe_file import load_recipe


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(data_file("digits.toml"))


@pytest.fixture(scope="module")
def few(settings: Settings) -> Settings:
    """Two training voices and one test voice, saying what they say in the whole corpus."""
    voices = Voices(
        train=settings.voices.train[1:3],
        test=settings.voices.test[:1],
        train_utterances=3,
        test_utterances=2,
    )
    return settings.model_copy(update={"voices": voices})


def silent(_what: str, _done: int, _total: int) -> None:
    pass


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix != ".lock"]


def test_test_voices_are_unheard(settings: Settings) -> None:
    train, test = settings.voices.train, settings.voices.test
    assert len(set(train)) == len(train) >= 50
    assert len(set(test)) == len(test) >= 10
    assert len({variant(voice) for voice in train}) >= 35
    assert not {variant(voice) for voice in train} & {variant(voice) for voice in test}
    assert {voice.partition("+")[0] for voice in test} - {voice.partition("+")[0] for voice in train} == {
        "en-gb-x-gbcwmd"
    }


def formants(voice: str) -> np.ndarray:
    """Frequencies of the first three, in percent of the plain voice's."""
    import espeakng_loader

    scale = {1: 100.0, 2: 100.0, 3: 100.0}
    if variant(voice):
        path = Path(espeakng_loader.get_data_path()) / "voices" / "!v" / variant(voice)
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] == ["formant"] and int(words[1]) in scale:
                scale[int(words[1])] = float(words[2])
    return np.array([scale[number] for number in (1, 2, 3)])


def assert_strange(unheard: Iterable[str], heard: Iterable[str]) -> None:
    for one, other in product(unheard, heard):
        assert np.abs(formants(one) - formants(other)).max() > 4, f"{one} is like {other}"


def test_no_test_voice_has_the_formants_of_a_training_voice(settings: Settings) -> None:
    assert_strange(settings.voices.test, settings.voices.train)


def test_development_voices_are_whole_vocal_tracts(settings: Settings) -> None:
    """Whom `recipes/digits.toml` holds out. (Their formants are not kept away from those of the other voices.)"""
    chosen = load_recipe(Path(__file__).parents[2] / "recipes" / "digits.toml").corpus
    said = [Utterance(voice, voice, 1.0, "yes", speaker=speaker(voice)) for voice in settings.voices.train]
    learn, dev = hold_out(said, chosen)
    assert {item.speaker for item in dev} == {"Storm", "m4", "m6", "m8"}
    assert not {item.speaker for item in dev} & {item.speaker for item in learn}


def test_plan(settings: Settings) -> None:
    plans = list(plan(settings))
    words = {*settings.phrases.digits, *settings.phrases.commands}
    assert len(plans) == len({item.id for item in plans}) == len({item.audio for item in plans})
    assert len(plans) == 60 * 16 + 14 * 15
    spoken = [word for item in plans if item.split == "train" for word in item.speech.text.split()]
    assert set(spoken) == words
    assert {len(item.speech.text.split()) for item in plans} == {1, 2, 3, 4, 5, 6}
    share = sum(word in settings.phrases.digits for word in spoken) / len(spoken)
    assert share == pytest.approx(0.6, abs=0.03)
    assert all(120 <= item.speech.rate <= 180 for item in plans)


def test_an_utterance_does_not_depend_on_the_others(settings: Settings, few: Settings) -> None:
    whole = {item.id: item for item in plan(settings)}
    assert all(whole[item.id] == item for item in plan(few))


def test_the_same_with_any_number_of_workers(few: Settings, tmp_path: Path) -> None:
    seen = []
    one = make_with(few, tmp_path / "one", lambda *progress: seen.append(progress), 1)
    three = make_with(few, tmp_path / "three", silent, 3)
    assert contents(one) == contents(three)
    assert len(contents(one)) == 2 * 3 + 2 + 2  # a list of them, and what made them
    assert seen == [("synthesising speech", done, 8) for done in range(1, 9)]
    assert visible(tmp_path / "one") == [one]  # nothing is left beside it


def test_is_made_once(few: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_with(few, tmp_path, silent, 1)
    monkeypatch.setattr(espeak, "find_spec", lambda _name: None)  # a second synthesis would fail
    assert make_with(few, tmp_path, silent, 1) == folder
    other = few.model_copy(update={"seed": few.seed + 1})
    with pytest.raises(CorpusError, match="pip install"):
        make_with(other, tmp_path, silent, 1)
    assert visible(tmp_path) == [folder]


def test_an_interruption_leaves_nothing(few: Settings, tmp_path: Path) -> None:
    def interrupt(_what: str, done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_with(few, tmp_path, interrupt, 2)
    assert not list(tmp_path.glob("**/*.wav"))
    assert visible(tmp_path) == []
    assert make_with(few, tmp_path, silent, 2).is_dir()


def test_sound(few: Settings, tmp_path: Path) -> None:
    splits = read(make_with(few, tmp_path, silent, 2))
    assert [len(splits[split]) for split in ("train", "test")] == [6, 2]
    for utterance in splits["train"] + splits["test"]:
        samples, rate = read_pcm16(utterance.audio_filepath)
        assert (rate, samples.shape[1]) == (16_000, 1)
        sound = samples[:, 0].astype(np.float64)
        assert 500 < np.abs(sound).max() <= 30_000
        edge = np.mean(sound[:1200] ** 2) / np.mean(sound**2)  # 75 ms of noise alone
        assert 0 < edge < 10 ** (-12 / 10), utterance.id
        words = len(utterance.text.split())
        assert 0.2 * words < len(sound) / rate < 0.7 * words + 0.7
        assert utterance.speaker == speaker(utterance.id.rpartition("-")[0])


def test_through_prepare(few: Settings, tmp_path: Path) -> None:
    """The corpus's identity, as a run sees it, is the same from another synthesis with other workers."""
    first, second = (
        prepare(
            "digits",
            make_with(few, tmp_path / str(workers), silent, workers),
            tmp_path,
            workers=workers,
            check=False,
        )
        for workers in (1, 2)
    )
    assert lock_of(first) == lock_of(second)
    assert re.fullmatch(r"eSpeak NG \d+\.\d+\S*.*", first.maker), first.maker
    assert first.locks["train"].utterances == 6


def test_a_broken_transcript_names_its_line(tmp_path: Path) -> None:
    line = json.dumps({"id": "a", "split": "train", "audio": "a.wav", "text": "one", "voice": "en-us"})
    (tmp_path / "digits.jsonl").write_text(line + '\n{"id": "b"}\n')
    with pytest.raises(CorpusError, match=r"digits\.jsonl:2: not a line of the digits corpus \(KeyError"):
        read(tmp_path)


def test_settings_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "digits.toml"
    path.write_text(data_file("digits.toml").read_text() + "\n[extra]\nkey = 1\n")
    with pytest.raises(CorpusError, match="extra"):
        load_settings(path)
    with pytest.raises(CorpusError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(ValueError, match="variants in training and test: m3"):
        Voices(train=("en-us+m3",), test=("en+m3",), train_utterances=1, test_utterances=1)


def test_other_settings_have_another_digest(settings: Settings, few: Settings) -> None:
    assert settings.digest() != few.digest()
    assert settings.digest() == load_settings(data_file("digits.toml")).digest()


def test_it_is_called_synthetic() -> None:
    reader = get_reader("digits")
    assert reader is digits.READER
    assert "synthetic" in reader.title


@pytest.mark.slow
def test_the_whole_corpus_is_that_of_its_lock(tmp_path: Path) -> None:
    assert prepare("digits", None, tmp_path).lock_state == "matches"
