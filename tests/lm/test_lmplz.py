"""The same numbers as KenLM's lmplz (the kenlm 0.3.0 sdist, built with Boost 1.74), and as its reader of ARPA files."""

from itertools import pairwise
from pathlib import Path

import pytest
from lm_oracle import probability
from made_text import made_text

from asr.lm.arpa_reader import read_arpa
from asr.lm.model import Model
from asr.lm.perplexity import fit_of, fits_of
from asr.lm.train import Settings, train

SMALL = (
    "seven four one",
    "three four nine four",
    "one one seven",
    "four one",
    "oh",
    "three four nine oh one",
)
# lmplz -o 3 --discount_fallback
SMALL_ARPA = {
    "<unk>": (-1.2833012, 0),
    "</s>": (-0.7190298, 0),
    "seven": (-0.9680308, -0.30103),
    "four": (-0.7190298, -0.30103),
    "one": (-0.7190298, -0.30103),
    "three": (-1.0976646, -0.30103),
    "nine": (-1.0976646, -0.30103),
    "oh": (-0.9680308, -0.30103),
    "seven </s>": (-0.46156943, 0),
    "four </s>": (-0.6566188, 0),
    "one </s>": (-0.46156943, 0),
    "oh </s>": (-0.46156943, 0),
    "<s> seven": (-0.8627954, -0.30103),
    "one seven": (-0.74758524, -0.30103),
    "<s> four": (-0.74758524, -0.30103),
    "seven four": (-0.46156943, -0.30103),
    "three four": (-0.22512838, -0.30103),
    "nine four": (-0.46156943, -0.30103),
    "<s> one": (-0.74758524, -0.30103),
    "four one": (-0.46156943, -0.30103),
    "one one": (-0.6566188, -0.30103),
    "oh one": (-0.46156943, -0.30103),
    "<s> three": (-0.6848755, -0.30103),
    "four nine": (-0.78269887, -0.30103),
    "<s> oh": (-0.8627954, -0.30103),
    "nine oh": (-0.5173844, -0.30103),
    "one seven </s>": (-0.17215076,),
    "nine four </s>": (-0.21449715,),
    "four one </s>": (-0.17215076,),
    "oh one </s>": (-0.17215076,),
    "<s> oh </s>": (-0.17215076,),
    "one one seven": (-0.22958271,),
    "<s> seven four": (-0.17215076,),
    "<s> three four": (-0.098136954,),
    "four nine four": (-0.37392354,),
    "<s> four one": (-0.17215076,),
    "seven four one": (-0.17215076,),
    "<s> one one": (-0.21449715,),
    "nine oh one": (-0.17215076,),
    "three four nine": (-0.23472996,),
    "four nine oh": (-0.39587152,),
}


def trained(folder: Path, lines: list[str], settings: Settings) -> Path:
    (folder / "text.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    train([folder / "text.txt"], folder / "model.arpa", settings)
    return folder / "model.arpa"


def test_every_line_of_a_small_model(tmp_path: Path) -> None:
    path = trained(tmp_path, list(SMALL), Settings(order=3))
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if "\t" in line:
            log10, words, *backoff = line.split("\t")
            found[words] = (float(log10), float(backoff[0]) if backoff else 0.0)
    assert found.pop("<s>") == (-99, pytest.approx(-0.30103))  # there 0, and never used
    assert found.keys() == SMALL_ARPA.keys()
    for words, expected in SMALL_ARPA.items():
        assert found[words] == pytest.approx((*expected, 0)[:2], abs=2e-7), words


@pytest.mark.parametrize(
    ("prune", "trigrams", "perplexity", "log10"),
    [
        ((0,), 14237, 52.34112077958739, (-0.769505, -0.8176566, -1.5280491)),
        ((0, 0, 1), 1620, 51.31706699966858, (-0.7652299, -0.8140337, -1.5079775)),
    ],
)
def test_a_text_with_estimated_discounts(
    prune: tuple[int, ...], trigrams: int, perplexity: float, log10: tuple[float, ...], tmp_path: Path
) -> None:
    """Discounts, numbers of n-grams, perplexity of another text; all that lmplz and query print.

    The last sentence ends with a new word because of a slip in lmplz: of the word that was new last, and of the last
    n-gram of each length in its order, it takes the times seen for the adjusted count when it counts counts.
    """
    text = tmp_path / "text.txt"
    text.write_text(
        "".join(f"{line}\n" for line in [*made_text("train", 3000), "w1 w0 hapax"]), encoding="utf-8"
    )
    made = train([text], tmp_path / "model.arpa", Settings(order=3, prune=prune))
    assert made.ngrams == (304, 7063, trigrams)
    assert [taken.estimated for taken in made.discounts] == [True] * 3
    assert [value for taken in made.discounts for value in taken.values] == pytest.approx(
        [0.0810812, 1.35612, 2.97838, 0.703517, 1.06832, 1.44939, 0.865898, 1.27679, 1.12813], rel=1e-5
    )
    model = read_arpa(tmp_path / "model.arpa")
    fit = fit_of(fits_of(model, [line.split() for line in made_text("test", 300)]))
    assert (fit.tokens, fit.unknown) == (2240, 0)
    assert fit.perplexity == pytest.approx(perplexity, rel=1e-6)
    for words, expected in zip(("w0 w0 </s>", "<s> w0 w1", "w1 w1 w1"), log10, strict=True):
        *history, word = words.split()
        assert probability(model, word, history) == pytest.approx(10**expected, rel=1e-6)


def test_kenlm_reads_our_files_and_agrees(tmp_path: Path) -> None:
    """Word by word: probability, length of the n-gram, known or not. And states part where KenLM's do."""
    import kenlm

    path = trained(tmp_path, made_text("train", 600), Settings(order=4, prune=(0, 0, 1), prune_entropy=1e-6))
    theirs, ours = kenlm.Model(str(path)), read_arpa(path)
    assert theirs.order == ours.order == 4
    for line in [*made_text("test", 200), "never w0 w1 seen", "never"]:
        for scored, (log10, length, unknown) in zip(
            ours.score(line.split()), theirs.full_scores(line), strict=True
        ):
            assert (scored.length, scored.known) == (length, not unknown)
            assert scored.log10 == pytest.approx(log10, abs=2e-6)
    states = [
        (ours_state(ours, line), theirs_state(kenlm, theirs, line)) for line in made_text("states", 150)
    ]
    for (one, one_theirs), (other, other_theirs) in pairwise(sorted(states, key=lambda pair: pair[0])):
        if one_theirs == other_theirs:
            assert one == other
    assert len({one for one, _ in states}) < len(states)


def ours_state(model: Model, line: str) -> int:
    state = model.start
    for word in line.split():
        _, state = model.advance(state, word)
    return state


def theirs_state(kenlm, model, line: str):  # type: ignore[no-untyped-def]
    state, after = kenlm.State(), kenlm.State()
    model.BeginSentenceWrite(state)
    for word in line.split():
        model.BaseScore(state, word, after)
        state, after = after, state
    return state
