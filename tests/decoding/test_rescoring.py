"""Joint scoring: what an attention decoder says of readings that a search proposes, by scores made by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from asr.decoding.decoder import Decoder, Weights
from asr.decoding.encoded import Encoded, joined, plain
from asr.decoding.hypothesis import Hypothesis, SearchResult
from asr.decoding.rescoring import Rescoring, joint
from asr.decoding.settings import SearchSettings
from asr.evaluation.decoders import choose
from asr.evaluation.tuning import Grid
from asr.randomness import numpy_generator
from asr.tokenizer import CharacterTokenizer

LETTERS = CharacterTokenizer("ab")


def hypothesis(tokens: tuple[int, ...], acoustic: float, others: float = 0.0) -> Hypothesis:
    text = LETTERS.decode(tokens)
    return Hypothesis(tokens, tuple(text.split()), text, acoustic + others, acoustic, others, 0.0)


def encoded(frames: int = 6, name: str = "") -> Encoded:
    generator = numpy_generator(1, "log-probs", name)
    log_probs = np.log(generator.dirichlet(np.ones(3), size=frames)).astype(np.float32)
    return Encoded.of(log_probs, generator.standard_normal((frames, 2)).astype(np.float32))


class Said:
    """A scorer that says what it is told, and knows what it was asked."""

    def __init__(self, scores: dict[tuple[int, ...], float] | None = None) -> None:
        self.scores, self.asked = scores or {}, list[tuple[int, ...]]()

    def __call__(self, heard: Encoded, readings: Sequence[tuple[int, ...]]) -> list[float]:
        self.asked += readings
        return [self.scores.get(tokens, -10.0 * len(tokens)) for tokens in readings]


def test_the_joint_score_by_hand() -> None:
    # 0.7 * -2 + 0.3 * -10 + what the language model adds, 1.5
    one = joint(Hypothesis((1,), ("a",), "a", -0.5, -2.0, 3.0, 0.0, attention=-10.0), 0.3)
    assert one.score == pytest.approx(0.7 * -2 + 0.3 * -10 + 1.5)
    assert (one.acoustic, one.language, one.attention) == (-2.0, 3.0, -10.0)


@pytest.mark.parametrize(
    ("weight", "order"),
    [
        (0.1, [(1,), (2,), (1, 2)]),  # -1.9, -2.8, -4.4
        (0.5, [(2,), (1,), (1, 2)]),  # -2.0, -5.5, -6.0
        (1.0, [(2,), (1, 2), (1,)]),  # the attention decoder alone
    ],
)
def test_readings_are_put_in_the_order_of_their_joint_scores(
    weight: float, order: list[tuple[int, ...]]
) -> None:
    proposed = SearchResult(
        (hypothesis((1,), -1.0), hypothesis((2,), -3.0), hypothesis((1, 2), -4.0)), "plain"
    )
    said = Said({(1,): -10.0, (2,): -1.0, (1, 2): -8.0})
    rescoring = Rescoring(said, weight)
    asked = rescoring.asked(proposed, encoded())
    assert [each.tokens for each in asked.hypotheses] == [(1,), (2,), (1, 2)]  # nothing is decided yet
    assert [each.tokens for each in rescoring.decided(asked, 3).hypotheses] == order
    assert [each.tokens for each in rescoring.decided(asked, 1).hypotheses] == order[:1]


def test_ties_go_to_the_lower_tokens() -> None:
    proposed = SearchResult((hypothesis((2,), -1.0), hypothesis((1,), -2.0)), "plain")
    rescoring = Rescoring(Said({(2,): -2.0, (1,): -1.0 + 1e-12}), 0.5)
    found = rescoring.decided(rescoring.asked(proposed, encoded()), 2)
    assert [each.tokens for each in found.hypotheses] == [(1,), (2,)]


def test_each_reading_of_an_utterance_is_asked_about_once() -> None:
    """Also where words differ and tokens do not, and when the same frames are searched again."""
    said, heard = Said(), encoded()
    same = (hypothesis((1,), -1.0), hypothesis((1,), -3.0), hypothesis((2,), -3.0))
    for weight in (0.3, 0.5):
        Rescoring(said, weight).asked(SearchResult(same, "plain"), heard)
    assert said.asked == [(1,), (2,)]
    Rescoring(said, 0.3).asked(SearchResult(same[:1], "plain"), heard[:3])  # other frames are another matter
    assert said.asked == [(1,), (2,), (1,)]


def test_a_weight_of_zero_is_ctc_alone_to_the_bit() -> None:
    heard, said = encoded(30), Said()
    settings = SearchSettings(beam=8, n_best=5)
    alone = Decoder("beam", settings).reader(LETTERS)
    zero = Decoder("beam", settings, attention=said, attention_weight=0.0).reader(LETTERS)
    assert zero(heard) == alone(heard) == alone(plain(heard))
    assert not said.asked


def test_the_best_reading_is_the_same_however_many_are_wanted() -> None:
    heard, settings = encoded(30), SearchSettings(beam=30)
    first = Decoder("beam", settings).reader(LETTERS)(heard).hypotheses[0].tokens
    decoder = Decoder(
        "beam", settings, attention=Said({first: -1e3}), attention_weight=0.9, attention_readings=7
    )
    found = {count: decoder.reader(LETTERS, count)(heard).hypotheses for count in (1, 3, 20)}
    assert len(found[1]) == 1 and len(found[20]) == 7  # no more than were proposed
    assert found[1] == found[20][:1] and found[3] == found[20][:3]
    assert found[20][-1].tokens == first


def test_log_probs_without_frames_are_refused() -> None:
    reader = Decoder("beam", SearchSettings(), attention=Said(), attention_weight=0.5).reader(LETTERS)
    for lost in (plain(encoded()), encoded().copy(), encoded()[:, :] + 0):
        with pytest.raises(ValueError, match="without the encoder's frames"):
            reader(lost)


@pytest.mark.parametrize(("weight", "readings"), [(-0.1, 5), (1.1, 5), (float("nan"), 5), (0.5, 0)])
def test_weights_and_numbers_that_cannot_be(weight: float, readings: int) -> None:
    with pytest.raises(ValueError, match="attention_(weight|readings) must be"):
        Decoder(
            "beam", SearchSettings(), attention=Said(), attention_weight=weight, attention_readings=readings
        ).reader(LETTERS)


def test_a_weight_without_an_attention_decoder_is_refused() -> None:
    decoder = Decoder("beam", SearchSettings(), attention_weight=0.5)
    with pytest.raises(ValueError, match="needs an attention decoder"):
        decoder.reader(LETTERS)
    assert decoder.by_ctc_alone().reader(LETTERS)(encoded()).hypotheses


def test_frames_go_with_what_is_cut_and_joined() -> None:
    heard = encoded(6)
    assert heard.frames is not None
    parts = [heard[:2], heard[2:5], heard[5:]]
    again = joined(parts)
    assert isinstance(again, Encoded) and again.frames is not None
    assert np.array_equal(again, heard) and np.array_equal(again.frames, heard.frames)
    middle = heard[2:5]
    assert middle.frames is not None and np.array_equal(middle.frames, heard.frames[2:5])
    assert not isinstance(joined([heard[:2], plain(heard[2:])]), Encoded)  # some are lost, so all are
    assert heard[3].frames is None and heard.max(axis=1).frames is None
    assert np.asarray(heard).__class__ is np.ndarray and heard.dtype == np.float32
    with pytest.raises(ValueError, match="expected 6 encoded frames, got 5"):
        Encoded.of(plain(heard), heard.frames[:5])


def test_weights_are_chosen_on_what_one_search_has_proposed() -> None:
    """The attention decoder knows that each second reading is right; it is asked about each reading once."""
    utterances = [encoded(20, str(number)) for number in range(4)]
    search = Decoder("beam", SearchSettings(beam=8)).reader(LETTERS, 2)
    readings = [[each.tokens for each in search(heard).hypotheses] for heard in utterances]
    right = {_bytes(heard): tokens[1] for heard, tokens in zip(utterances, readings, strict=True)}
    asked = []

    def scorer(heard: Encoded, proposed: Sequence[tuple[int, ...]]) -> list[float]:
        asked.extend(proposed)
        return [0.0 if tokens == right[_bytes(heard)] else -1e3 for tokens in proposed]

    decoder = Decoder("beam", SearchSettings(beam=8), attention=scorer, attention_readings=2)
    grid = Grid((0.0,), (0.0,), (0.0,), (8,), (0.0, 0.5, 1.0))
    references = [LETTERS.decode(tokens[1]) for tokens in readings]
    surface = choose(decoder, grid, LETTERS, utterances, references)
    assert [point.attention_weight for point in surface.points] == [0.0, 0.5, 1.0]
    assert [point.word_errors for point in surface.points] == [4, 0, 0]
    assert surface.best.weights == Weights(0.0, 0.0, 0.0, 8, 0.5)  # of equal ones the smallest
    assert len(asked) == 8
    assert surface.to_json()[1]["attention_weight"] == 0.5


def _bytes(heard: Encoded) -> bytes:
    assert heard.frames is not None
    return heard.frames.tobytes()
