"""`asr serve` as a user meets it: the usual mistakes, and what is said of them."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.cli import serve
from asr.cli.main import main

Complaint = Callable[..., str]


def test_a_model_that_is_none(complaint: Complaint, tmp_path: Path) -> None:
    assert str(tmp_path) in complaint("serve", tmp_path)


def test_two_models_with_one_name(complaint: Complaint, run: Path) -> None:
    assert "two models are called" in complaint("serve", run, run)
    assert "two models are called a" in complaint("serve", f"a={run}", f"a={run}")
    assert "cannot be called ''" in complaint("serve", f"={run}")


def test_a_token_file_that_has_none(complaint: Complaint, run: Path, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("\n")
    said = complaint("serve", run, "--token-file", tmp_path / "tokens")
    assert "no token in it; make one" in said
    assert "cannot be read" in complaint("serve", run, "--token-file", tmp_path / "none")


def test_a_token_is_not_shown(complaint: Complaint, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(serve.TOKEN, "not a token")
    said = complaint("serve", run)
    assert "ASR_SERVE_TOKEN: token 1 has a space" in said and "not a token" not in said


def test_an_address_that_is_taken(complaint: Complaint, run: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: cannot be listened on" in complaint("serve", run, "--port", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_address_for_others_without_a_token(
    host: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is said before anything else happens."""
    assert main(["serve", str(tmp_path), "--host", host]) == 1
    assert f"WARNING: {host} can be reached from elsewhere" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_no_warning_where_it_is_not_so(host: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["serve", str(tmp_path), "--host", host])
    assert "WARNING" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [("--port", "65536"), ("--port", "-1"), ("--max-time", "0"), ("--max-seconds", "nan")]
)  # fmt: skip
def test_values_that_cannot_be(option: tuple[str, str], run: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(run), *option])
    assert ended.value.code == 2


@pytest.mark.parametrize("missing", ["fastapi", "prometheus_client"])
def test_without_the_extra(missing: str, run: Path) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"from asr.cli.main import main\nsys.exit(main(['serve', {str(run)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert f"asr serve needs {missing}: pip install 'attest-asr[serve]'" in done.stderr
