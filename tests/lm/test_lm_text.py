"""Texts into numbers."""

import gzip
import hashlib
import io
import sys
from pathlib import Path

import pytest

from asr.errors import LanguageModelError
from asr.lm.text import STDIN, Corpus, read_corpus, tokens
from asr.lm.vocabulary import read_vocabulary


def words_of(corpus: Corpus) -> list[str]:
    return [corpus.vocabulary.words[number] for number in corpus.ids]


def file(folder: Path, text: str | bytes, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_lines_are_normalised_sentences_and_empty_ones_are_none(tmp_path: Path) -> None:
    text = "\ufeffYES  It’s\u00a0So\r\n\n \t\nno"
    corpus = read_corpus([file(tmp_path, text)])
    assert words_of(corpus) == ["<s>", "yes", "it's", "so", "</s>", "<s>", "no", "</s>"]
    assert corpus.vocabulary.words == ("<unk>", "<s>", "</s>", "it's", "no", "so", "yes")
    assert (corpus.sentences, corpus.words, corpus.longest) == (2, 4, 5)
    assert [(source.name, source.sentences) for source in corpus.sources] == [("text.txt", 2)]
    assert corpus.sources[0].sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    """Not what Python's splitlines takes for one."""
    assert read_corpus([file(tmp_path, "a\u2028b\x0cc\x85d\n")]).sentences == 1


def test_characters_and_the_space_between_words(tmp_path: Path) -> None:
    corpus = read_corpus([file(tmp_path, "Ab  a\n<s>\n")], unit="character")
    assert words_of(corpus) == ["<s>", "a", "b", "▁", "a", "</s>", "<s>", "<", "s", ">", "</s>"]
    assert tokens("a\u0301 b", "character", "plain-1") == ["á", "▁", "b"]


def test_several_files_in_any_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = file(tmp_path, gzip.compress(b"b a\n"), "packed")  # known by its bytes, not by its name
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"c\n"))))
    corpus = read_corpus([file(tmp_path, "a\n"), packed, STDIN])
    assert words_of(corpus) == ["<s>", "a", "</s>", "<s>", "b", "a", "</s>", "<s>", "c", "</s>"]
    assert [source.name for source in corpus.sources] == ["text.txt", "packed", "-"]
    assert corpus.sources[1].sha256 == hashlib.sha256(b"b a\n").hexdigest()
    assert sys.stdin.read() == ""  # read to its end and still open


def test_a_given_vocabulary(tmp_path: Path) -> None:
    words = read_vocabulary(file(tmp_path, "Zero\none two\tone <s> <unk>\n", "words"), "plain-1")
    assert words == ["one", "two", "zero"]
    corpus = read_corpus([file(tmp_path, "two three <unk> one\n")], words=words)
    assert words_of(corpus) == ["<s>", "two", "<unk>", "<unk>", "one", "</s>"]
    assert corpus.vocabulary.words == ("<unk>", "<s>", "</s>", "one", "two", "zero")


@pytest.mark.parametrize(
    ("content", "unit", "message"),
    [
        (b"a\nb \xff c\n", "word", "text.txt:2: byte 0xff is no UTF-8; convert the text"),
        (b"a\n<s> b\n", "word", "text.txt:2: <s> and </s> are put around each sentence here"),
        ("a\nb▁\n".encode(), "character", "text.txt:2: the character ▁ stands for a space"),
        (b"\n \n", "word", "text.txt: no text; each line with words is a sentence"),
        (
            gzip.compress(b"a b c d e f g\n" * 99, mtime=0)[:-9],
            "word",
            "text.txt: cannot be read after line 99",
        ),
    ],
)
def test_a_text_that_cannot_be_used(content: bytes, unit: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError) as caught:
        read_corpus([file(tmp_path, content)], unit)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError, match="none.txt: cannot be read: No such file"):
        read_corpus([tmp_path / "none.txt"])
    with pytest.raises(LanguageModelError, match="cannot be read: Is a directory"):
        read_corpus([tmp_path])
    with pytest.raises(LanguageModelError, match="words: cannot be read as UTF-8 text"):
        read_vocabulary(tmp_path / "words", "plain-1")
    with pytest.raises(LanguageModelError, match="words: no words; a vocabulary is a text file"):
        read_vocabulary(file(tmp_path, "<s>\n", "words"), "plain-1")
