"""`asr run` as a user meets it: what it prints, and one clear error for everything that can be wrong."""

import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path

import miniature
import pytest
import soundfile

from asr.cli.main import main
from asr.recipe_file import to_toml
from asr.runs.record import read_record

Complaint = Callable[..., str]
SHORT = miniature.recipe(train__epochs=2)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mini.toml"
    path.write_text(to_toml(SHORT), encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return miniature.write_corpus(tmp_path)


@pytest.fixture
def words(recipe: Path, corpus: Path, tmp_path: Path) -> list[str]:
    """The command line, complete."""
    line = ["run", recipe, "--corpus", corpus, "--out", tmp_path / "out", "--cache", tmp_path / "cache"]
    return [*map(str, line), "--any-corpus", "--workers", "2"]


def changed(words: list[str], option: str, value: object) -> list[str]:
    place = words.index(option) + 1
    return [*words[:place], str(value), *words[place + 1 :]]


def test_from_corpus_to_word_error_rate(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--seed", "5", "--set", "train.epochs=1", "--set", "train.clip=2"]) == 0
    out, error = capsys.readouterr()
    record = read_record(tmp_path / "out")
    assert (record.status, record.recipe.seed, record.recipe.train.epochs) == ("complete", 5, 1)
    test = record.results["test"]
    assert f"miniature test: WER {test.wer:.2%} (95 % interval " in out
    assert f"in {test.words.reference_length} words)" in out
    assert "miniature dev: WER " in out
    assert f"record: {tmp_path / 'out' / 'record.json'}" in out
    assert "lock file: not checked" in out
    assert record.command == (
        "asr run mini.toml --corpus an4 --seed 5 --set train.epochs=1 --set train.clip=2 --any-corpus"
    )
    assert "epoch   1/1" in error
    assert "training" in error
    assert not [line for line in error.splitlines() if line.startswith("asr: ")]
    assert main([*words, "--seed", "5", "--set", "train.epochs=1", "--set", "train.clip=2"]) == 0
    assert capsys.readouterr().out == out  # a second time it is only read


def test_record_runs_again_to_the_same_weights(words: list[str], tmp_path: Path) -> None:
    """The record is a recipe, too: from it alone the same model comes out."""
    assert main([*words, "--set", "seed=7"]) == 0
    again = changed(words, "--out", tmp_path / "again")
    again[1] = str(tmp_path / "out" / "record.json")
    assert main(again) == 0
    first, second = read_record(tmp_path / "out"), read_record(tmp_path / "again")
    assert second.recipe.seed == 7
    assert second.recipe_digest == first.recipe_digest
    assert second.model == first.model
    assert second.results == first.results


def test_signal_handlers_are_put_back(words: list[str]) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert main(words) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_archive_instead_of_folder(words: list[str], corpus: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "mini.tar.gz", "w:gz") as archive:
        archive.add(corpus, "an4")
    assert main(changed(words, "--corpus", tmp_path / "mini.tar.gz")) == 0
    used = read_record(tmp_path / "out").corpus
    assert used is not None
    assert used.source == "mini.tar.gz"
    assert len(used.source_sha256) == 64


def test_wrong_paths(words: list[str], tmp_path: Path, complaint: Complaint) -> None:
    gone = tmp_path / "gone"
    assert f"{gone}.toml: no such recipe" in complaint("run", f"{gone}.toml", *words[2:])
    assert f"{gone}: no such file or folder" in complaint(*changed(words, "--corpus", gone))
    assert "not a readable text file" in complaint("run", tmp_path, *words[2:])


def test_unknown_recipe_key(words: list[str], recipe: Path, complaint: Complaint) -> None:
    assert "unknown key train.epoch; allowed here: averaging" in complaint(*words, "--set", "train.epoch=3")
    recipe.write_text(recipe.read_text().replace("[train]", "[train]\nepoch = 3"))
    assert f"asr: {recipe}: unknown key train.epoch; " in complaint(*words)


def test_impossible_settings(words: list[str], complaint: Complaint) -> None:
    assert "train.epochs" in complaint(*words, "--set", "train.epochs=0")
    assert "seed" in complaint(*words, "--seed", "-1")
    assert "expected KEY=VALUE" in complaint(*words, "--set", "train.epochs")
    assert "no corpus is called 'an5'; known are aishell, an4" in complaint(
        *words, "--set", "corpus.name=an5"
    )
    assert "cannot hold out 4 of 4 training speakers" in complaint(
        *words, "--fresh", "--set", "corpus.dev_speakers=4"
    )


def test_empty_folder(words: list[str], tmp_path: Path, complaint: Complaint) -> None:
    (tmp_path / "empty").mkdir()
    text = complaint(*changed(words, "--corpus", tmp_path / "empty"))
    assert f"asr: {tmp_path / 'empty'}: " in text
    assert "it is empty" in text
    assert "expected wav/" in text


def spoil(path: Path, kind: str) -> None:
    match kind:
        case "text":
            path.write_text("this is no sound")
        case "no bytes":
            path.write_bytes(b"")
        case "no samples":
            soundfile.write(path, [], 8000, subtype="PCM_16")
        case "cut off":
            path.write_bytes(path.read_bytes()[:-1000])


BROKEN = {"text": "not audio", "no bytes": "empty", "no samples": "no samples", "cut off": "cut off"}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_audio(words: list[str], corpus: Path, complaint: Complaint, kind: str) -> None:
    """A text file named .wav, audio of no length, a file cut off: named, before anything is learned."""
    first, second = sorted(corpus.rglob("*.wav"))[:2]
    spoil(first, kind)
    words.remove("--any-corpus")
    text = complaint(*words)
    assert f"1 of 30 audio files cannot be used; fetch the corpus again or mend them: {first}: " in text
    assert BROKEN[kind] in text
    spoil(second, kind)
    text = complaint(*words)
    assert "2 of 30 audio files cannot be used" in text
    assert str(first) in text
    assert str(second) in text


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_audio_of_any_corpus(
    words: list[str],
    corpus: Path,
    tmp_path: Path,
    complaint: Complaint,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    """Left out of training and named, on the terminal and in the record; but never left out of the test part."""
    first = sorted(corpus.glob("wav/an4_clstk/anna/*.wav"))[0]
    spoil(first, kind)
    assert main(words) == 0
    assert f"left out of training: {first.stem}: wav/an4_clstk/anna/{first.name}: " in capsys.readouterr().err
    used = read_record(tmp_path / "out").corpus
    assert used is not None
    assert [item.id for item in used.left_out] == [first.stem]
    assert BROKEN[kind] in used.left_out[0].reason
    assert str(tmp_path) not in used.left_out[0].reason
    spoil(next(corpus.glob("wav/an4test_clstk/*/*.wav")), kind)
    assert "1 of 30 audio files cannot be used" in complaint(*words, "--fresh")


@pytest.mark.parametrize("share", [0.3, 0.95, 0.0])
def test_archive_cut_off(
    words: list[str], corpus: Path, tmp_path: Path, complaint: Complaint, share: float
) -> None:
    whole, cut = tmp_path / "whole.tar.gz", tmp_path / "cut.tar.gz"
    with tarfile.open(whole, "w:gz") as archive:
        archive.add(corpus, "an4")
    cut.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    assert f"{cut}" in complaint(*changed(words, "--corpus", cut))
    assert not list((tmp_path / "cache").glob("an4-*"))  # no half corpus is kept


def test_transcript_outside_the_alphabet(words: list[str], corpus: Path, complaint: Complaint) -> None:
    text = complaint(*words, "--set", "tokenizer.alphabet=gosne ")
    assert "utterance an" in text
    assert "(U+0079)" in text  # y of yes
    transcripts = corpus / "etc" / "an4_train.transcription"
    transcripts.write_text(transcripts.read_text().replace("<s> ", "<s> ¿"), encoding="utf-8")
    assert "'¿' (U+00BF)" in complaint(*words, "--fresh", "--set", "tokenizer.alphabet=gosney ")


def test_corpus_that_is_not_that_of_the_lock_file(words: list[str], complaint: Complaint) -> None:
    words.remove("--any-corpus")
    text = complaint(*words)
    assert "not the corpus of an4.lock.json" in text
    assert "24 utterances instead of 948" in text


def test_no_such_device(words: list[str], complaint: Complaint) -> None:
    assert "--device cuda:99: torch sees" in complaint(*words, "--device", "cuda:99")
    assert "expected auto, cpu, cuda" in complaint(*words, "--device", "gpu")


def test_out_that_is_taken(words: list[str], tmp_path: Path, complaint: Complaint) -> None:
    (tmp_path / "file").write_text("")
    assert f"{tmp_path / 'file'}: " in complaint(*changed(words, "--out", tmp_path / "file"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("")
    assert "not empty (letter) and no run" in complaint(*changed(words, "--out", tmp_path / "full"))


def test_other_settings_in_the_same_folder(
    words: list[str], tmp_path: Path, trained: tuple[Path, Path], complaint: Complaint
) -> None:
    shutil.copytree(trained[1], tmp_path / "out")
    text = complaint(*words)
    assert "holds a run of other settings (recipe miniature, seed 1)" in text
    assert "--fresh" in text


def test_tensorboard_events(words: list[str], tmp_path: Path) -> None:
    assert main([*words, "--tensorboard"]) == 0
    events = list((tmp_path / "out" / "tensorboard").iterdir())
    assert len(events) == 1
    assert b"dev/wer" in events[0].read_bytes()
    assert b"gradient_norm/recurrent.0" in events[0].read_bytes()
    assert not any("tensorboard" in name for name in read_record(tmp_path / "out").files)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Sets variables as a launcher does. Nobody watches the parent of this process for it."""
    from asr.cli import run

    monkeypatch.setattr(run, "stop_without_parent", lambda: None)

    def launched(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return launched


Launched = Callable[[dict[str, str]], None]
ONE_OF_ONE = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("variables", "more", "message"),
    [
        ({"WORLD_SIZE": "2"}, [], "the environment has WORLD_SIZE but not RANK, MASTER_ADDR, MASTER_PORT"),
        (ONE_OF_ONE | {"WORLD_SIZE": "1x"}, [], "WORLD_SIZE is '1x'; expected a whole number"),
        (
            ONE_OF_ONE,
            ["--processes", "2"],
            "--processes 2: torchrun starts the processes, here 1; leave it out",
        ),
        (
            ONE_OF_ONE | {"TORCHELASTIC_MAX_RESTARTS": "3"},
            ["--fresh"],
            "--fresh with torchrun's --max-restarts",
        ),
    ],
)
def test_mistakes_with_a_launcher(
    words: list[str],
    launched: Launched,
    complaint: Complaint,
    variables: dict[str, str],
    more: list[str],
    message: str,
) -> None:
    launched(variables)
    assert message in complaint(*words, *more)


def test_one_process_of_a_launcher_is_alone(words: list[str], tmp_path: Path, launched: Launched) -> None:
    """It meets nobody, and the record is that of a process alone."""
    launched(ONE_OF_ONE)
    assert main([*words, "--set", "train.epochs=1"]) == 0
    (session,) = read_record(tmp_path / "out").sessions
    assert (session.processes, session.machines) == (1, [])


def test_other_commands_are_no_work_for_several(
    words: list[str], tmp_path: Path, launched: Launched, complaint: Complaint
) -> None:
    assert main([*words, "--set", "train.epochs=1"]) == 0
    launched(ONE_OF_ONE | {"WORLD_SIZE": "2"})
    assert "which only `asr run` can share" in complaint("reproduce", tmp_path / "out")
