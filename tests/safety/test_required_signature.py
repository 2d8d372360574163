"""A model that has to be signed: what is loaded is what was checked, and nothing else is loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_bundle import write_searching_bundle

from asr import Audio, Transcriber
from asr.claims.signing import sign
from asr.cli.main import main
from asr.errors import BundleError, KeyFileError, SignatureError, StorageError
from asr.safety import private_copy
from asr.safety.envelope import RUN, new_envelope
from asr.safety.keys import new_signing_key
from asr.safety.measure import File, Measured, measured
from asr.safety.opened import opened_model
from asr.safety.private_folder import private_folder
from asr.safety.run_list import RunList, files_in
from asr.serve.models import load_models

SOUND = Audio(np.random.default_rng(1).standard_normal(4000).astype(np.float32) * 0.1, 8000)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where private copies are made, to see that they go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def alice(tmp_path: Path) -> Path:
    """Her public key; a bundle beside it is signed with it."""
    key = new_signing_key()
    write_searching_bundle(tmp_path / "bundle")
    sign(tmp_path / "bundle", key)
    (tmp_path / "alice.pub").write_text(f"{key.public.line} alice\n")
    return tmp_path / "alice.pub"


@pytest.fixture
def bob(tmp_path: Path) -> Path:
    (tmp_path / "bob.pub").write_text(f"{new_signing_key().public.line}\n")
    return tmp_path / "bob.pub"


def bundle(alice: Path) -> Path:
    return alice.parent / "bundle"


def open_it(alice: Path, keys: object) -> None:
    with opened_model(bundle(alice), keys):  # type: ignore[arg-type]
        pass


def test_it_hears_the_same(alice: Path, temporary: Path) -> None:
    plain = Transcriber(bundle(alice), words=True, confidence="posterior")(SOUND)
    signed = Transcriber(bundle(alice), words=True, confidence="posterior", require_signature=alice)
    assert list(temporary.iterdir()) == []  # the copy went when it was loaded
    assert signed(SOUND) == plain
    assert signed.without_confidence()(SOUND).text == plain.text


def test_the_copy_is_nobody_elses(alice: Path, temporary: Path) -> None:
    with opened_model(bundle(alice), alice) as folder:
        assert folder.parent == temporary and folder.stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []
    with pytest.raises(KeyError), opened_model(bundle(alice), alice):
        raise KeyError
    assert list(temporary.iterdir()) == []


KILLED = """import os, signal
from asr.safety.private_folder import private_folder
with private_folder() as folder:
    (folder / "weights").write_bytes(b"private")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next(temporary: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], check=False, timeout=200)
    (left,) = temporary.iterdir()
    assert (left / "weights").is_file()
    (tmp_path / "elsewhere").mkdir()
    (temporary / f"{left.name}-link").symlink_to(tmp_path / "elsewhere")  # is not followed
    with private_folder() as first:
        assert not left.exists()
        with private_folder() as second:  # what is in use stays
            assert first.is_dir() and second.is_dir()
    assert (tmp_path / "elsewhere").is_dir()


def test_a_key_may_be_given_as_its_line(alice: Path) -> None:
    open_it(alice, alice.read_text().strip())
    open_it(alice, [alice, alice.read_text().strip()])


def test_nothing_is_required_without_a_key(alice: Path, temporary: Path) -> None:
    with opened_model(bundle(alice)) as folder:
        assert folder == bundle(alice) and not list(temporary.iterdir())
    with pytest.raises(ValueError, match="expected a key, got none"):
        open_it(alice, [])


def test_what_was_checked_is_what_is_loaded(alice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody exchanges every file as soon as it has been read and found right."""
    before = Transcriber(bundle(alice))(SOUND)

    def read_then_exchange(path: Path, copy: Path | None = None, *, most: int | None = None) -> Measured:
        found = measured(path, copy, most=most)
        path.write_bytes(b"{}")
        return found

    monkeypatch.setattr(private_copy, "measured", read_then_exchange)
    transcriber = Transcriber(bundle(alice), require_signature=alice)
    assert (bundle(alice) / "model.json").read_bytes() == b"{}"
    assert transcriber(SOUND) == before


def test_what_is_exchanged_before_it_is_read_is_found(alice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exchange_then_read(path: Path, copy: Path | None = None, *, most: int | None = None) -> Measured:
        path.write_bytes(b"{}")
        return measured(path, copy, most=most)

    monkeypatch.setattr(private_copy, "measured", exchange_then_read)
    with pytest.raises(SignatureError, match="altered: .*was signed|were signed"):
        Transcriber(bundle(alice), require_signature=alice)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors", "decoder.json", "lexicon.txt"])
def test_every_file_that_is_loaded_is_checked(name: str, alice: Path, temporary: Path) -> None:
    path = bundle(alice) / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    with pytest.raises(SignatureError, match=f"{name}: altered: its SHA-256 is"):
        open_it(alice, alice)
    path.rename(path.with_suffix(".moved"))
    with pytest.raises((SignatureError, BundleError), match=rf"{name}.*missing|no model here"):
        open_it(alice, alice)
    assert list(temporary.iterdir()) == []


def test_a_file_that_was_not_signed_is_not_loaded(alice: Path) -> None:
    (bundle(alice) / "confidence.json").write_text("{}")
    with opened_model(bundle(alice), alice) as folder:
        names = {path.name for path in folder.iterdir()}
    assert names == {"model.json", "weights.safetensors", "decoder.json", "lexicon.txt"}


def test_by_whom(alice: Path, bob: Path) -> None:
    with pytest.raises(
        SignatureError, match=r"bob\.pub: SHA256:\S+ has not signed this; it is signed by SHA256:"
    ):
        open_it(alice, bob)
    with pytest.raises(SignatureError, match=r"bob\.pub"):
        open_it(alice, [alice, bob])
    either = bob.with_name("either")
    either.write_text(alice.read_text() + bob.read_text())
    open_it(alice, either)
    with pytest.raises(KeyFileError, match="no such file"):
        open_it(alice, bob.with_name("none"))


def test_unsigned_cut_and_of_another_kind(alice: Path) -> None:
    signatures = bundle(alice) / "signatures.json"
    data = signatures.read_bytes()
    signatures.write_bytes(data[:200])
    with pytest.raises(SignatureError, match="cut off"):
        open_it(alice, alice)
    signatures.write_bytes(data.replace(b"model+json", b"run+json"))
    with pytest.raises(SignatureError, match="signatures of a run, copied here"):
        open_it(alice, alice)
    signatures.unlink()
    with pytest.raises(SignatureError, match="not signed .*and a signature is required"):
        open_it(alice, alice)


def test_a_file_that_grows_does_not_fill_the_disk(alice: Path, temporary: Path) -> None:
    path = bundle(alice) / "weights.safetensors"
    size = path.stat().st_size
    os.truncate(path, 1 << 40)  # a hole: reading it would take an hour, and copying it the disk
    with pytest.raises(SignatureError, match=f"altered: more than the {size:,} bytes that were signed"):
        open_it(alice, alice)


def test_the_model_of_a_signed_run_by_any_path(
    alice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_signing_key()
    alice.write_text(key.public.line)
    run = tmp_path / "run"
    run.mkdir()
    bundle(alice).rename(run / "model")
    (run / "model" / "signatures.json").unlink()
    (run / "record.json").write_text("{}")
    files = {name: file for name, file in files_in(run, run=True) if isinstance(file, File)}
    new_envelope(RUN, RunList(files=files).to_bytes(), key).write(run / "signatures.json")
    monkeypatch.chdir(run / "model")
    for given in (".", "..", "../model", run, run / "model"):
        with opened_model(given, alice) as folder:
            assert (folder / "lexicon.txt").is_file()
    (run / "record.json").unlink()
    with pytest.raises(SignatureError, match="not signed"), opened_model(run, alice):
        pass


def test_a_server_loads_what_is_signed(alice: Path, bob: Path) -> None:
    models = load_models([f"a={bundle(alice)}"], require_signature=[alice])
    assert models["a"].created == int((bundle(alice) / "model.json").stat().st_mtime)
    with pytest.raises(SignatureError):
        load_models([str(bundle(alice))], require_signature=[bob])


def test_no_room_for_the_copy(alice: Path, temporary: Path) -> None:
    temporary.rmdir()
    with pytest.raises(StorageError, match="no room for a checked copy of the model: No such file"):
        open_it(alice, alice)


def sound_file(folder: Path) -> str:
    soundfile.write(folder / "x.wav", SOUND.samples, SOUND.sample_rate)
    return str(folder / "x.wav")


def test_on_the_command_line(
    alice: Path, bob: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["transcribe", sound_file(tmp_path), "--model", str(bundle(alice))]
    assert main(given) == 0
    plain = capsys.readouterr().out
    assert main([*given, "--require-signature", str(alice)]) == 0
    assert capsys.readouterr().out == plain
    assert main([*given, "--processes", "1", "--require-signature", str(alice)]) == 0
    assert capsys.readouterr().out == plain
    assert main([*given, "--require-signature", str(bob)]) == 1
    assert "has not signed this" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["align", "check", "listen"])
def test_other_commands_that_load_models(
    command: str, alice: Path, bob: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, sound = str(bundle(alice)), sound_file(tmp_path)
    (tmp_path / "all.jsonl").write_text(
        json.dumps({"audio_filepath": sound, "duration": 0.5, "text": "a"}) + "\n"
    )
    cache = ["--cache", str(tmp_path / "cache"), "--workers", "1"]
    given = {
        "align": ["align", model, sound, "--text", "a"],
        "check": ["check", str(tmp_path / "all.jsonl"), "--model", model, *cache],
        "listen": ["listen", sound, "--model", model, "--voice", "energy", "--speed", "0"],
    }[command]
    assert main([*given, "--require-signature", str(bob)]) == 1
    assert "has not signed this" in capsys.readouterr().err
    main([*given, "--require-signature", str(alice)])
    assert "signed" not in capsys.readouterr().err  # whatever it thinks of the text


def test_the_command_of_the_server(alice: Path, bob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")  # it sets that itself, for good
    monkeypatch.setattr("asr.serve.run.serve", lambda settings, models: 0)
    for key, status in ((bob, 1), (alice, 0)):
        assert main(["serve", str(bundle(alice)), "--require-signature", str(key)]) == status


def test_a_cluster_is_refused(alice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", str(bundle(alice)), "--require-signature", str(alice)]
    assert main(["transcribe", sound_file(tmp_path), *model, "--ray"]) == 1
    assert "is for one machine" in capsys.readouterr().err


def test_cryptography_is_for_those_who_ask(alice: Path, tmp_path: Path) -> None:
    code = "import sys\nfrom asr.cli.main import main\nassert main(sys.argv[1:]) == 0\n"
    code += "assert 'cryptography' not in sys.modules and 'pyrage' not in sys.modules"
    given = ["transcribe", sound_file(tmp_path), "--model", str(bundle(alice))]
    subprocess.run([sys.executable, "-c", code, *given], check=True, timeout=120)


def test_it_needs_no_torch() -> None:
    """Neither to open a signed model nor to make keys."""
    code = "import sys, asr.safety.opened, asr.safety.private_copy, asr.safety.describe\n"
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
