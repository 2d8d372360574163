"""Readers: greedy and search behind one interface, with words and frames."""

import numpy as np
import pytest

from asr.decoding.greedy import greedy
from asr.decoding.priors import Priors
from asr.decoding.reader import greedy_reader, search_reader
from asr.decoding.search import Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
from asr.randomness import numpy_generator
from asr.tokenizer import CharacterTokenizer

LETTERS = CharacterTokenizer(" ab")  # the space is token 1, a is 2, b is 3


def path(*tokens: int, sure: float = 0.9) -> np.ndarray:
    """(frames, tokens) log-probs in which these are the best ones."""
    log_probs = np.full(
        (len(tokens), LETTERS.size), np.log((1 - sure) / (LETTERS.size - 1)), dtype=np.float32
    )
    log_probs[np.arange(len(tokens)), tokens] = np.log(sure)
    return log_probs


def test_greedy_words_and_frames() -> None:
    #                        _  a  a  _  a  b  _sp sp b  _
    result = greedy_reader(LETTERS)(path(0, 2, 2, 0, 2, 3, 1, 1, 3, 0))
    (best,) = result.hypotheses
    assert result.engine == greedy_reader(LETTERS).name == "greedy"
    assert (best.text, best.words, best.tokens) == ("aab b", ("aab", "b"), (2, 2, 3, 1, 3))
    assert best.frames == (1, 4, 5, 6, 8)
    assert best.score == best.acoustic == pytest.approx(10 * np.log(0.9))
    assert best.language == best.bonus == 0


def test_greedy_drops_spare_separators_as_a_search_does() -> None:
    (best,) = greedy_reader(LETTERS)(path(1, 0, 2, 1, 0, 1, 3, 1)).hypotheses
    assert (best.tokens, best.frames, best.text) == ((2, 1, 3), (2, 3, 6), "a b")


@pytest.mark.parametrize("tokens", [(), (0, 0), (1,), (0, 1, 0)])
def test_greedy_silence(tokens: tuple[int, ...]) -> None:
    (best,) = greedy_reader(LETTERS)(path(*tokens)).hypotheses
    assert (best.tokens, best.words, best.frames, best.text) == ((), (), (), "")


def test_greedy_reads_what_greedy_decoding_does() -> None:
    generator = numpy_generator(1, "reader")
    for frames in range(1, 40):
        scores = generator.standard_normal((frames, LETTERS.size)).astype(np.float32)
        log_probs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        best = greedy_reader(LETTERS)(log_probs).best
        assert best is not None and best.text == LETTERS.decode(greedy(log_probs))


def test_a_search_behind_the_same_interface() -> None:
    search = Search(SearchSettings(n_best=2), vocabulary=vocabulary_of(LETTERS), engine="plain")
    reader = search_reader(search)
    log_probs = path(2, 0, 1, 3)
    assert reader.name == "plain"
    assert reader(log_probs) == search(log_probs)
    assert reader(log_probs).text == "a b"


def test_priors_are_taken_off_before_the_search() -> None:
    # a is heard with 0.5, b with 0.4, but a is likely anywhere: 0.5 / 0.6 is less than 0.4 / 0.2.
    log_probs = np.log([[0.05, 0.05, 0.5, 0.4]])
    search = Search(vocabulary=vocabulary_of(LETTERS), engine="plain")
    priors = Priors((0.1, 0.1, 0.6, 0.2))
    assert search_reader(search)(log_probs).text == "a"
    assert search_reader(search, priors=priors, prior_weight=1.0)(log_probs).text == "b"
    assert search_reader(search, priors=priors, prior_weight=0.0)(log_probs) == search(log_probs)
    with pytest.raises(ValueError, match="prior_weight = 1 needs priors"):
        search_reader(search, prior_weight=1.0)
