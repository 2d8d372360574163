"""`asr report` as a user meets it."""

from pathlib import Path

import pytest

from asr.cli.main import main


def test_a_page_is_written_and_its_size_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert main(["report", str(run), "-o", str(out), "--audio", "0", "--part", "dev"]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: 0.")
    text = out.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "Part: dev." in text


def test_mistakes_are_told_in_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page.html")]) == 1
    assert "no run here" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["report", str(run), "-o", str(tmp_path / "file" / "page.html"), "--audio", "0"]) == 1
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", str(run), "--audio", "many"])
    assert "0 to 20" in capsys.readouterr().err
