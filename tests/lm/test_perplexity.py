"""Perplexity: by hand."""

from pathlib import Path

import pytest
from test_lm_model import ARPA, model

from asr.errors import LanguageModelError
from asr.lm.perplexity import fit_of, fits, fits_of

# -0.25 - 0.0625 - 0.1875; then with the unknown word: -0.25, then -0.0625 - 0.125 - 1.5 for it, -0.75, -0.875
SENTENCES = [["a", "b"], ["a", "never", "b"]]


def test_sums_by_hand(tmp_path: Path) -> None:
    fit = fit_of(fits_of(model(tmp_path), SENTENCES))
    assert (fit.sentences, fit.words, fit.unknown, fit.tokens) == (2, 5, 1, 7)
    assert fit.log10 == pytest.approx(-0.5 - 3.5625)
    assert fit.log10_unknown == pytest.approx(-1.6875)
    assert fit.unknown_rate == pytest.approx(0.2)
    assert fit.perplexity == pytest.approx(10 ** (4.0625 / 7))
    assert fit.perplexity_known == pytest.approx(10 ** (2.375 / 6))


def test_each_sentence_by_itself(tmp_path: Path) -> None:
    one, other = fits_of(model(tmp_path), SENTENCES)
    assert (one.log10, one.unknown) == (pytest.approx(-0.5), 0)
    assert one.perplexity == one.perplexity_known == pytest.approx(10 ** (0.5 / 3))
    assert (other.words, other.unknown) == (3, 1)


def test_without_unk_there_is_no_perplexity_with_unknown_words(tmp_path: Path) -> None:
    without = model(tmp_path, ARPA.replace("-1.5\t<unk>\n", "").replace("ngram 1=5", "ngram 1=4"))
    one, other = fits_of(without, SENTENCES)
    assert one.perplexity == pytest.approx(10 ** (0.5 / 3))
    assert other.perplexity is None
    assert other.perplexity_known == pytest.approx(10 ** (1.875 / 3))


def test_texts_in_blocks(tmp_path: Path) -> None:
    """As one by one; a text without words is an error."""
    text = tmp_path / "text.txt"
    text.write_text("a b\n\nA never b\n" * 3000, encoding="utf-8")
    found = list(fits(model(tmp_path), [text, text], "word", "plain-1"))
    assert len(found) == 12000
    total = fit_of(fit for _, _, fit in found)
    assert total.perplexity == pytest.approx(10 ** (4.0625 / 7))
    assert found[1][:2] == (text, ["a", "never", "b"])
    text.write_text("\n", encoding="utf-8")
    with pytest.raises(LanguageModelError, match="text.txt: no text"):
        list(fits(model(tmp_path), [text], "word", "plain-1"))
