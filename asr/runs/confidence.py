"""Confidence estimators for a run: its development part recognised, compared with what was said, and learned from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from asr.confidence.changes import CHANGES, Change
from asr.confidence.estimator import PLAIN, Trained
from asr.confidence.estimator_file import TrainedOn
from asr.confidence.features import word_features
from asr.confidence.fit import FOREST, Sample, TooFewError, cross_validated, fit, opinion, refuse_too_few
from asr.confidence.forest import Growth
from asr.confidence.judge import Judged, judge, plain_opinion
from asr.confidence.labels import right_words
from asr.confidence.n_best import N_BEST, Rivals
from asr.decoding.decoder import Decoder
from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.decoding.word_times import heard_words
from asr.errors import ConfidenceError
from asr.evaluation.decode import log_probs_alone
from asr.manifest import Utterance
from asr.runs.evaluate import Evaluator, Part
from asr.text import normalise
from asr.transcribe.hear import LogProbs


class Recognised:
    """Reads parts of a run's corpus and tells which words are right."""

    def __init__(self, evaluator: Evaluator, decoder: Decoder) -> None:
        """
        Raises:
            ValueError: the parts of the decoder do not fit together.
        """
        self._evaluator, self._lexicon, self._hearings = evaluator, decoder.lexicon, decoder.hearings
        self._tokenizer = evaluator.bundle.tokenizer
        self.vocabulary: Vocabulary = vocabulary_of(self._tokenizer)
        self.posterior = (
            "rivals" if decoder.settings is None else "n_best"
        )  # the feature that is of an n-best
        if decoder.settings is not None:
            decoder = replace(decoder, settings=replace(decoder.settings, n_best=N_BEST))
        self._read = decoder.reader(self._tokenizer)
        self._rivals = Rivals(self.vocabulary)

    def samples(self, part: Part, seed: int, changes: Sequence[Change] = ()) -> list[Sample]:
        """Utterances as they are, in the order of the manifest, then changed in each of these ways."""
        found = self._samples(
            part, self._evaluator.log_probs(part, self._hearings), f"reading {part}", changed=False
        )
        for change in changes:
            heard = self._heard(self._evaluator.utterances(part), change, seed)
            found += self._samples(part, heard, f"{part}, {change.name}", changed=True)
        return found

    def _samples(self, part: Part, heard: Iterable[LogProbs], what: str, changed: bool) -> list[Sample]:
        utterances = self._evaluator.utterances(part)
        found = []
        for utterance, log_probs in zip(utterances, heard, strict=True):
            found.append(self._sample(utterance, log_probs, changed))
            self._evaluator.progress(what, len(found), len(utterances))
        return found

    def _sample(self, utterance: Utterance, log_probs: LogProbs, changed: bool) -> Sample:
        result = self._read(log_probs)
        words = heard_words(self._tokenizer, log_probs, result, self._lexicon)
        reference = normalise(utterance.text, self._evaluator.record.recipe.text)
        right = right_words(reference, " ".join(word.word for word in words))
        whole = bool(right.all()) and len(right) == len(reference.split())
        features = word_features(log_probs, result, words, self._rivals)
        return Sample(utterance.id, utterance.speaker, features, right, whole, changed)

    def _heard(self, utterances: Sequence[Utterance], change: Change, seed: int) -> Iterator[LogProbs]:
        """What the model hears in changed utterances, each by itself."""
        model = self._evaluator.bundle.model
        rate = model.front_end.settings.sample_rate
        return log_probs_alone(
            model,
            utterances,
            workers=self._evaluator.workers,
            hearings=self._hearings,
            change=lambda utterance, samples: change(samples, rate, seed, utterance.id),
        )


@dataclass(frozen=True)
class Learned:
    """An estimator, and what the ways to one are worth on development speakers that they have not heard."""

    estimator: Trained
    trained_on: TrainedOn
    judged: list[Judged]
    left_out: str  # why there is no forest; "" where there is one, or none was wanted


def learn(recognised: Recognised, *, forest: bool = True, growth: Growth = Growth()) -> Learned:  # noqa: B008  # frozen
    """Fits an estimator to the development part: a forest where enough words are wrong, else the n-best posterior.

    Raises:
        ConfidenceError: too few words are wrong even for that; or scikit-learn is missing.
    """
    samples = recognised.samples("dev", growth.seed, CHANGES if forest else ())
    own = [sample for sample in samples if not sample.changed]
    refuse_too_few(own, PLAIN)  # all of it, before parts of it are held out
    opinions = {"maximum probability": [plain_opinion(sample) for sample in own]}
    ways = {"calibrated": PLAIN, "n-best": recognised.posterior}
    for name, method in ways.items():
        opinions[name] = cross_validated(samples, method, recognised.vocabulary, growth)
    method, left_out = recognised.posterior, ""
    if forest:
        try:
            opinions["forest"] = cross_validated(samples, FOREST, recognised.vocabulary, growth)
            method = FOREST
        except TooFewError as error:
            left_out = str(error)
    estimator = fit(samples, method, recognised.vocabulary, growth)
    return Learned(estimator, _trained_on(own, estimator, growth), judge(own, opinions), left_out)


def measure(recognised: Recognised, estimator: Trained, part: Part) -> tuple[list[Sample], list[Judged]]:
    """What a finished estimator is worth on a part, beside the model's own probabilities."""
    samples = recognised.samples(part, 0)
    if not any(len(sample.right) for sample in samples):
        raise ConfidenceError(f"no word was recognised in the {part} part: there is nothing to measure")
    opinions = {
        "maximum probability": [plain_opinion(sample) for sample in samples],
        "this estimator": [opinion(estimator, sample) for sample in samples],
    }
    return samples, judge(samples, opinions)


def _trained_on(own: Sequence[Sample], estimator: Trained, growth: Growth) -> TrainedOn:
    forest = estimator.forest is not None
    words = sum(len(sample.right) for sample in own)
    return TrainedOn(
        utterances=len(own),
        speakers=len({sample.speaker for sample in own} - {""}),
        words=words,
        wrong=words - sum(int(sample.right.sum()) for sample in own),
        changes=tuple(change.name for change in CHANGES) if forest else (),
        trees=growth.trees if forest else 0,
        leaf=growth.leaf if forest else 0,
        seed=growth.seed,
        scikit_learn=version("scikit-learn") if forest else "",
    )
