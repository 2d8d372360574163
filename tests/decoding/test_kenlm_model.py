import math
from pathlib import Path

import pytest

from asr.decoding.kenlm_model import KenlmModel
from asr.errors import LanguageModelError

ARPA = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.0\t<unk>
0\t<s>\t-0.3
-0.8\t</s>
-0.6\tto\t-0.2
-0.7\tbe\t-0.1

\\2-grams:
-0.2\t<s> to
-0.4\tto be
-0.3\tbe </s>

\\end\\
"""


@pytest.fixture
def model(tmp_path: Path) -> KenlmModel:
    path = tmp_path / "model.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return KenlmModel(path)


def test_by_hand(model: KenlmModel) -> None:
    """The numbers of the file in natural logarithms, with the weights for backing off."""
    start = model.start()
    to, after_to = model.score(start, "to")
    be, after_be = model.score(after_to, "be")
    again, after_again = model.score(after_be, "to")
    unknown, after_unknown = model.score(start, "or")
    ten = math.log(10)
    assert [to, be, again, unknown] == pytest.approx(
        [-0.2 * ten, -0.4 * ten, (-0.1 - 0.6) * ten, (-0.3 - 1.0) * ten]
    )
    assert model.finish(after_be) == pytest.approx(-0.3 * ten)
    assert model.finish(after_to) == pytest.approx((-0.2 - 0.8) * ten)
    assert model.finish(after_unknown) == pytest.approx(-0.8 * ten)
    assert after_again == after_to
    assert hash(after_again) == hash(after_to)
    assert after_be != after_to
    assert model.order == 2


def test_what_it_knows(model: KenlmModel) -> None:
    assert "to" in model
    assert "or" not in model
    assert "<unk>" not in model


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError, match=r"none\.arpa: KenLM cannot read it: "):
        KenlmModel(tmp_path / "none.arpa")
    broken = tmp_path / "broken.arpa"
    broken.write_text("not a model\n", encoding="utf-8")
    with pytest.raises(LanguageModelError, match=r"broken\.arpa: KenLM cannot read it: "):
        KenlmModel(broken)
