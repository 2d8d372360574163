"""ARPA files: written, read, and malformed ones named by line."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_oracle import levels_of, probability
from test_kneser_ney import corpus, texts
from test_lm_model import ARPA

from asr.errors import LanguageModelError, StorageError
from asr.lm.arpa import write_arpa
from asr.lm.arpa_reader import read_arpa
from asr.lm.model import Model, NGrams
from asr.lm.train import as_ngrams

SRILM = """made by hand, and a comment

\\data\\
ngram  1 = 4
ngram 2=3

\\1-grams:
-0.60206\t</s>
-99\t<s>\t-0.1
-0.5 b -0.2
-0.4\ta  -0.3

\\2-grams:
-0.7 b </s>
-0.1\t<s> a
-0.2\ta b


\\end\\
something behind it
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "model.arpa"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@settings(max_examples=30, deadline=None)
@given(texts, st.integers(1, 4))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, text: list[list[str]], order: int
) -> None:
    """Within the digits of the file; and it still sums to one."""
    folder = tmp_path_factory.mktemp("arpa")
    made = corpus(text)
    ngrams = as_ngrams(levels_of(made, min(order, made.longest)))
    write_arpa(folder / "model.arpa", made.vocabulary.words, ngrams)
    before, after = Model(made.vocabulary.words, ngrams), read_arpa(folder / "model.arpa")
    assert (before.words, before.counts) == (after.words, after.counts)
    for sentence in text:
        for one, other in zip(before.score(sentence), after.score(sentence), strict=True):
            assert one.log10 == pytest.approx(other.log10, abs=order * 1e-7)
        for history in ((), ("<s>", *sentence)):
            total = sum(probability(after, word, history) for word in after.words if word != "<s>")
            assert total == pytest.approx(1, abs=2e-6)


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    """Rounded, no -0, no back-off weight where it is 1, words in their order."""
    made = corpus([["a", "b"], ["a"]])
    write_arpa(tmp_path / "model.arpa", made.vocabulary.words, as_ngrams(levels_of(made, 2)))
    assert (tmp_path / "model.arpa").read_text(encoding="utf-8") == (
        "\\data\\\nngram 1=5\nngram 2=4\n\n\\1-grams:\n"
        "-0.9030900\t<unk>\n-99.0000000\t<s>\t-0.3010300\n-0.4259687\t</s>\n"
        "-0.6020600\ta\t-0.3010300\n-0.6020600\tb\t-0.3010300\n"
        "\n\\2-grams:\n-0.2041200\t<s> a\n-0.3590219\ta </s>\n-0.4259687\ta b\n-0.1627273\tb </s>\n"
        "\n\\end\\\n"
    )


def test_almost_certain_is_no_minus_zero(tmp_path: Path) -> None:
    tiny = np.full(3, -1e-9)
    ngrams = [NGrams(np.zeros(3, np.int64), np.arange(3, dtype=np.int32), tiny, tiny)]
    write_arpa(tmp_path / "model.arpa", ("<unk>", "<s>", "</s>"), ngrams)
    assert "\n0.0000000\t<unk>\n0.0000000\t<s>\n" in (tmp_path / "model.arpa").read_text(encoding="utf-8")


def test_compressed_is_the_same_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    made = corpus([["a", "b"], ["a"]])
    ngrams = as_ngrams(levels_of(made, 2))
    for name in ("model.arpa", "model.arpa.gz", "other.gz"):
        write_arpa(tmp_path / name, made.vocabulary.words, ngrams)
    packed = (tmp_path / "model.arpa.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "model.arpa").read_bytes()
    assert packed == (tmp_path / "other.gz").read_bytes()
    assert read_arpa(tmp_path / "model.arpa.gz").counts == (5, 4)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old", encoding="utf-8")
    made = corpus([["a"]])
    with pytest.raises(StorageError, match="model.arpa: cannot be written"):
        write_arpa(tmp_path / "file" / "model.arpa", made.vocabulary.words, as_ngrams(levels_of(made, 2)))
    bad = as_ngrams(levels_of(made, 2))
    with pytest.raises(IndexError):
        write_arpa(tmp_path / "file", ("too", "few"), bad)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "old"


def test_files_of_other_toolkits(tmp_path: Path) -> None:
    """A comment in front, spaces for tabs, n-grams in any order, no <unk>, no back-off where it is none."""
    found = read_arpa(written(tmp_path, SRILM))
    assert [word.log10 for word in found.score(["a", "b"])] == pytest.approx([-0.1, -0.2, -0.7])
    assert [word.log10 for word in found.score(["b", "a"])] == pytest.approx([-0.6, -0.6, -0.3 - 0.60206])
    same = read_arpa(written(tmp_path, SRILM.replace("\n", "\r\n")))
    assert (same.words, same.counts) == (found.words, found.counts)


def test_old_spelling_of_unk_and_words_with_other_spaces(tmp_path: Path) -> None:
    found = read_arpa(written(tmp_path, ARPA.replace("<unk>", "<UNK>").replace("b", "b\u00a0c")))
    assert found.has_unknown
    assert found.score(["b\u00a0c", "?"])[0].known


def test_lengths_of_which_pruning_has_left_nothing(tmp_path: Path) -> None:
    text = SRILM.replace("ngram 2=3", "ngram 2=3\nngram 3=0").replace("\n\n\\end", "\n\\3-grams:\n\\end")
    assert read_arpa(written(tmp_path, text)).order == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", "model.arpa: no line \\data\\: not an ARPA file"),
        ("ngram 1=5\n", "", ":2: expected the number of 1-grams, found 'ngram 2=4'"),
        ("ngram 1=5\nngram 2=4\nngram 3=2\n", "", ":3: expected lines as `ngram 1=5` behind \\data\\, found "),
        ("ngram 1=5", "ngram 1=0", ":6: expected lines as `ngram 1=5`"),
        ("ngram 2=4", "ngram 2=5", ":18: the header announces 5 2-grams, but their section has 4"),
        ("ngram 2=4", "ngram 2=3", ":17: expected \\3-grams:, found '-0.875 b </s>' (the header announces 3 2-grams)"),
        ("ngram 3=2", "ngram 3=1", ":21: expected \\end\\, found '-0.1875 a b </s>' (the header announces 1 3-grams)"),
        ("ngram 3=2", "ngram 3=999999999999", "the header announces 999999999999 3-grams, but their section has 2"),
        ("\\end\\\n", "", ":22: expected \\end\\, found the end of the file"),
        ("\\2-grams:", "\\4-grams:", ":13: expected \\2-grams:, found '\\\\4-grams:'"),
        ("-0.75\tb", "0.75\tb", ":11: log10 of a probability cannot be '0.75'; a probability is at most 1"),
        ("-0.75\tb", "nan\tb", ":11: log10 of a probability cannot be 'nan'"),
        ("-0.75\tb", "zero\tb", ":11: expected log10 of a probability, found 'zero'"),
        ("\t-0.03125", "\tinf", ":15: a back-off weight cannot be 'inf'"),
        ("\t-0.03125", "\tx", ":15: expected a back-off weight, found 'x'"),
        ("\t-0.03125", "\t0 0", ":15: expected a 2-gram (log10, 2 words, perhaps a back-off weight), found '-0.375"),
        ("-0.0625\t<s> a b", "-0.0625\t<s> a", ":20: expected a 3-gram (log10, 3 words"),
        ("a b </s>", "b b </s>", ":21: the history of this 3-gram, its first 2 words, is no n-gram"),
        ("a b </s>", "a c </s>", ":21: the word 'c' is not among the 1-grams"),
        ("-0.875\tb </s>", "-0.875\ta b", ":17: this 2-gram is there twice"),
        ("-0.75\tb", "-0.75\ta", ":11: the word 'a' is there twice"),
        ("</s>", "</t>", "no </s> among the 1-grams: not a model of sentences"),
        ("<s>", "<t>", "no <s> among the 1-grams"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_named_by_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, ARPA.replace(old, new))
    with pytest.raises(LanguageModelError) as caught:
        read_arpa(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("end", range(0, len(ARPA) - 1, 7))
def test_a_file_that_is_cut_off(end: int, tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError):
        read_arpa(written(tmp_path, ARPA[:end]))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_an_error_or_a_model(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(ARPA.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from(b" \n\t-09ab<\\=\xff\x00e"))
    path = tmp_path_factory.getbasetemp() / "damaged.arpa"
    path.write_bytes(raw)
    try:
        found = read_arpa(path)
    except LanguageModelError as error:
        assert "\n" not in str(error)
    else:
        assert len(found.score(["a", "b", "never"])) == 4


def test_what_is_no_arpa_file(tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError, match="none.arpa: cannot be read: No such file"):
        read_arpa(tmp_path / "none.arpa")
    with pytest.raises(LanguageModelError, match="cannot be read: Is a directory"):
        read_arpa(tmp_path)
    with pytest.raises(LanguageModelError, match="model.arpa: a KenLM binary; give the ARPA file"):
        read_arpa(written(tmp_path, b"mmap lm http://kheafield.com/code format version 5\n\0 and more"))
    with pytest.raises(LanguageModelError, match="model.arpa: no line .data.: not an ARPA file"):
        read_arpa(written(tmp_path, b""))
    packed = gzip.compress(ARPA.encode())
    with pytest.raises(LanguageModelError, match="the compressed file is damaged or cut off"):
        read_arpa(written(tmp_path, packed[:-20]))
    with pytest.raises(LanguageModelError, match=":9: the word .* is no UTF-8"):
        read_arpa(written(tmp_path, ARPA.encode().replace(b"</s>", b"<\xff>")))
