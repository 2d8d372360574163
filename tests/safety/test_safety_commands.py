"""`asr keys`, `asr sign`, `asr verify --key`, `asr encrypt` and `asr decrypt`, as people use and misuse them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from small_bundle import write_searching_bundle

from asr.cli import encrypt
from asr.cli.main import main

VECTORS = json.loads((Path(__file__).parent / "age_vectors.json").read_text(encoding="utf-8"))
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command in a folder of its own: exit status, and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "200")

    def said(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return said


def passed(text: str) -> str:
    """A file descriptor that has it in its first line."""
    reading, writing = os.pipe()
    os.write(writing, text.encode() + b"\nand no more\n")
    os.close(writing)
    return str(reading)


def test_from_keys_to_a_verified_model(asr: Said, tmp_path: Path) -> None:
    write_searching_bundle(tmp_path / "bundle")
    status, out, _ = asr("keys", "new", "alice")
    assert status == 0 and out.splitlines()[1].startswith("alice.pub: public, SHA256:")
    fingerprint = out.split()[-1]
    assert asr("keys", "show", "alice.pub", "alice.key")[1].splitlines() == [
        f"alice.pub: public key of a signer, called alice: {fingerprint}",
        f"alice.key: private key to sign with: {fingerprint}",
    ]
    assert asr("models", "pack", "bundle", "-o", "model.tar")[0] == 0
    for thing, file in (
        ("bundle", "bundle/signatures.json"),
        ("model.tar", "model.tar.signatures.json"),
    ):
        assert asr("sign", thing, "--key", "alice.key")[:2] == (0, f"{file}: signed by {fingerprint}\n")
        status, out, _ = asr("verify", thing, "--key", "alice.pub")
        assert status == 0
        assert f"{thing}: verified: 2 checks right\n" in out
        assert out.endswith(f"{thing}: signature of {fingerprint} (alice.pub alice)\n")
    assert asr("models", "unpack", "model.tar", "--name", "mine")[0] == 0
    assert asr("verify", "mine", "--key", "alice.pub")[0] == 0  # the signatures went with it
    status, out, _ = asr("verify", "mine", "model.tar", "--json")
    assert [tree["signers"][0]["fingerprint"] for tree in json.loads(out)] == [fingerprint] * 2


def test_two_signers_and_one_more_asked_for(asr: Said, tmp_path: Path) -> None:
    write_searching_bundle(tmp_path / "bundle")
    for name in ("alice", "bob", "carol"):
        asr("keys", "new", name)
    asr("sign", "bundle", "--key", "alice.key")
    assert asr("sign", "bundle", "--key", "bob.key")[1].endswith(", as 1 other did\n")
    assert "was signed already by" in asr("sign", "bundle", "--key", "bob.key")[1]
    assert asr("verify", "bundle", "--key", "alice.pub", "--key", "bob.pub")[0] == 0
    status, out, _ = asr("verify", "bundle", "--key", "alice.pub", "--key", "carol.pub")
    assert status == 1 and "bundle: NOT verified: 1 finding: carol.pub" in out
    status, out, _ = asr("verify", "bundle")
    assert status == 0 and "whose key that is nobody has said: give it by --key" in out


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "signatures.json").unlink(), "signatures.json: not signed"),
        (lambda folder: os.truncate(folder / "signatures.json", 99), "cut off: no JSON"),
        (lambda folder: os.truncate(folder / "lexicon.txt", 1), "lexicon.txt: altered: 1 bytes, "),
        (lambda folder: (folder / "lexicon.txt").unlink(), "lexicon.txt: is missing"),
        (lambda folder: (folder / "a\nb\x1b[2J").touch(), "a\\nb\\x1b[2J: was not there when it was signed"),
        (lambda folder: (folder / "new").touch(), "new: was not there when it was signed"),
    ],
)
def test_what_is_wrong_is_named(spoil: Callable[[Path], None], said: str, asr: Said, tmp_path: Path) -> None:
    write_searching_bundle(tmp_path / "bundle")
    asr("keys", "new", "alice")
    asr("sign", "bundle", "--key", "alice.key")
    spoil(tmp_path / "bundle")
    status, out, _ = asr("verify", "bundle", "--key", "alice.pub")
    assert status == 1 and said in out and "NOT verified" in out


def test_signing_what_is_not_there_and_where_nothing_can_be_written(
    asr: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_searching_bundle(tmp_path / "bundle")
    asr("keys", "new", "alice")
    status, out, err = asr("sign", "none", "bundle", "--key", "alice.key")
    assert status == 1 and "none: no model here" in err and out.startswith("bundle/signatures.json: signed")
    (tmp_path / "bundle" / "signatures.json").unlink()

    def refuse(path: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)  # modes keep nobody out who is root
    status, _, err = asr("sign", "bundle", "--key", "alice.key")
    assert (status, err) == (1, "asr: bundle/signatures.json: cannot be written: Permission denied\n")
    assert not (tmp_path / "bundle" / "signatures.json").exists()


@pytest.mark.slow
def test_a_new_key_with_a_passphrase(asr: Said, tmp_path: Path) -> None:
    """Each use of it takes a second on purpose, and up to 1 GiB."""
    write_searching_bundle(tmp_path / "bundle")
    given = ("keys", "new", "alice", "--passphrase", "--passphrase-fd")
    assert asr(*given, passed("correct horse battery"))[0] == 0
    assert (tmp_path / "alice.key").read_text().startswith("-----BEGIN AGE ENCRYPTED FILE-----")
    assert (tmp_path / "alice.key").stat().st_mode & 0o777 == 0o600
    sign = ("sign", "bundle", "--key", "alice.key", "--passphrase-fd")
    assert asr(*sign, passed("correct horse battery"))[0] == 0
    assert asr("verify", "bundle", "--key", "alice.pub")[0] == 0


def test_a_key_with_a_passphrase(asr: Said, tmp_path: Path) -> None:
    write_searching_bundle(tmp_path / "bundle")
    (tmp_path / "alice.key").write_text(VECTORS["signing_key"])  # as age has encrypted it
    (tmp_path / "alice.key").chmod(0o600)
    sign = ("sign", "bundle", "--key", "alice.key", "--passphrase-fd")
    status, _, err = asr(*sign, passed(VECTORS["passphrase"].title()))
    assert status == 1 and "alice.key: this is not its passphrase" in err
    assert asr(*sign, passed(VECTORS["passphrase"]))[0] == 0
    assert asr("verify", "bundle", "--key", VECTORS["signing_key_of"])[0] == 0


def test_a_short_passphrase_is_refused(asr: Said, tmp_path: Path) -> None:
    status, _, err = asr("keys", "new", "alice", "--passphrase", "--passphrase-fd", passed("short"))
    assert status == 1 and "a passphrase of 5 characters can be guessed" in err
    assert not list(tmp_path.iterdir())


def test_encrypted_and_decrypted(asr: Said, tmp_path: Path) -> None:
    (tmp_path / "corpus.tar.gz").write_bytes(b"speech" * 50_000)
    status, out, _ = asr("keys", "new", "archive", "--encryption")
    recipient = out.split()[-1]
    assert status == 0 and recipient.startswith("age1")
    assert asr("keys", "show", "archive.key")[1] == f"archive.key: private key to decrypt with: {recipient}\n"
    assert asr("encrypt", "corpus.tar.gz", "--to", "archive.pub", "--to", recipient)[:2] == (
        0,
        "corpus.tar.gz.age: 0.3 MB, for 1 recipient\n",  # named twice
    )
    assert asr("decrypt", "corpus.tar.gz.age", "--key", "archive.key")[0] == 1  # it is there
    assert asr("decrypt", "corpus.tar.gz.age", "--key", "archive.key", "-o", "again")[0] == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "corpus.tar.gz").read_bytes()
    asr("keys", "new", "other", "--encryption")
    status, _, err = asr("decrypt", "corpus.tar.gz.age", "--key", "other.key", "-o", "none")
    assert status == 1 and "encrypted for others" in err and not (tmp_path / "none").exists()
    status, _, err = asr("decrypt", "again", "--key", "archive.key")
    assert status == 1 and "does not end in .age: say with -o" in err


def test_a_bundle_is_packed_and_encrypted(asr: Said, tmp_path: Path) -> None:
    write_searching_bundle(tmp_path / "bundle")
    asr("keys", "new", "archive", "--encryption")
    assert asr("encrypt", "bundle", "--to", "archive.pub")[1].startswith("bundle.tar.age: ")
    assert asr("decrypt", "bundle.tar.age", "--key", "archive.key")[0] == 0
    assert asr("models", "check", "bundle.tar")[0] == 0
    status, _, err = asr("encrypt", "nothing", "--to", "none.pub")
    assert status == 1 and "none.pub: no such file" in err  # before a model is packed
    status, _, err = asr("encrypt", "nothing", "--to", "archive.pub")
    assert status == 1 and "nothing: no model here" in err


def test_an_interruption(asr: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupted() -> Iterator[Callable[..., None]]:
        def show(*arguments: object) -> None:
            raise KeyboardInterrupt

        yield show

    (tmp_path / "plain").write_bytes(b"x")
    asr("keys", "new", "archive", "--encryption")
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(encrypt, "stage_bars", interrupted)
    assert asr("encrypt", "plain", "--to", "archive.pub")[0] == 130
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["keys", "new", "alice", "--passphrase-fd", "0"],
            "--passphrase-fd gives a passphrase: add --passphrase",
        ),
        (["keys", "new", ".."], "cannot be the name of files"),
        (["keys", "new", "none/alice"], "none/alice.key: cannot be written: No such file"),
        (["keys", "show", "none"], "none: no such file"),
        (["verify", "bundle", "--key", "none.pub"], "none.pub: no such file"),
        (["sign", "bundle", "--key", "none.key"], "none.key: no such file"),
        (["encrypt", "plain", "--to", "none.pub"], "none.pub: no such file"),
        (["encrypt", "plain", "--to", "age1none"], "age1none...: no recipient that can be encrypted to"),
        (["encrypt", "none", "--to", "age1none"], "none: no model here"),
        (["encrypt", "plain", "--to", "x", "--passphrase-fd", "0"], "add --passphrase instead of --to"),
        (
            ["encrypt", "plain", "--passphrase", "--passphrase-fd", "99"],
            "--passphrase-fd 99: cannot be read: Bad file",
        ),
        (["check", "plain", "--require-signature", "x"], "--require-signature is for a model: add --model"),
        (
            ["encrypt", "plain", "--passphrase", "--passphrase-fd", "9" * 20],
            "there is no such file descriptor",
        ),
        (["decrypt", "none.age", "--key", "none.key"], "none.key: no such file"),
    ],
)
def test_mistakes(arguments: list[str], said: str, asr: Said, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    before = sorted(tmp_path.iterdir())
    status, _, err = asr(*arguments)
    assert status == 1 and said in err and err.startswith("asr: ")
    assert sorted(tmp_path.iterdir()) == before


ASK = """import os, sys
os.open(sys.argv[1], os.O_RDWR)  # the first terminal that the leader of a session opens is its own
from asr.safety.passphrases import Passphrases
print("got", Passphrases().new("here"))
"""


def asked(*typed: str) -> str:
    """What a terminal shows, on which these lines are typed after one question each."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", ASK, os.ttyname(theirs)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = ""
    for line in typed:
        while not shown.endswith(": "):
            shown += os.read(ours, 1000).decode()
        shown += "\n"
        os.write(ours, f"{line}\n".encode())
    with suppress(OSError):  # there is nobody at the other end any more
        while more := os.read(ours, 1000):
            shown += more.decode()
    os.close(ours)
    process.wait(200)
    return shown


def test_a_passphrase_is_asked_for_on_the_terminal() -> None:
    shown = asked("correct horse", "correct horse")
    assert "new passphrase for here: " in shown and "the same again: " in shown
    assert "got correct horse" in shown and shown.count("correct horse") == 1  # nothing typed is shown
    assert "the two passphrases are not the same" in asked("correct horse", "incorrect horse")


def test_without_a_terminal_it_says_so() -> None:
    command = [sys.executable, "-c", ASK, os.devnull]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, timeout=200
    )
    assert "there is no terminal to ask: give it by --passphrase-fd N" in done.stderr
