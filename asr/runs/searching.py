"""The last stage of a run whose recipe asks for a search: weights chosen on dev, then dev and test read with them.

Nothing here depends on the greedy results, or changes them. What was tried on dev is kept in tuning.json while the
stage is under way, point by point, so an interrupted run goes on with the next point.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asr.decoding.bundled import save_decoder
from asr.decoding.decoder import Decoder
from asr.decoding.encoded import plain
from asr.decoding.priors import Priors
from asr.decoding.rescoring import AttentionUsed
from asr.decoding.settings_used import SettingsUsed
from asr.decoding.vocabulary import vocabulary_of
from asr.evaluation.decode import log_probs_alone
from asr.evaluation.decoders import choose, read_all
from asr.evaluation.hypotheses import beside_references, write_hypotheses
from asr.evaluation.tuning import Grid, Point, Surface
from asr.files import write_json
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel
from asr.model.attention_scoring import AttentionScorer
from asr.model.bundle import name_decoder
from asr.recipe import Recipe
from asr.runs.corpus_used import Parts
from asr.runs.environment import read_code
from asr.runs.folder import RunFolder
from asr.runs.named_files import Files
from asr.runs.outcomes import outcomes_of, result_of
from asr.runs.record import Searched
from asr.runs.seal import canonical_digest
from asr.runs.search_parts import SearchParts, describe_language_model, describe_lexicon, make_parts
from asr.runs.search_used import LanguageModelUsed, LexiconUsed, PointTried
from asr.text import normalise
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs

PRIOR_SECONDS = 3600.0  # of audio, at most, for the mean posterior of each token; more hardly changes it


@dataclass(frozen=True)
class SearchStage:
    """A search with a model that has been trained."""

    folder: RunFolder
    recipe: Recipe
    weights: str  # digest of the model's
    model: AcousticModel
    tokenizer: Tokenizer
    parts: Parts
    files: Files  # that the recipe names
    workers: int  # threads that compute log-probs; the search itself takes one core
    progress: Callable[[str, int, int], None]  # may raise, and then the stage is interrupted
    say: Callable[[str], None]

    def run(self) -> Searched:
        """Leaves the decoder in the bundle and the hypotheses in the folder.

        Raises:
            AsrError: files that the recipe names cannot be used.
        """
        with TemporaryDirectory(prefix="asr-") as scratch:
            parts = make_parts(self.recipe, self.tokenizer, self.texts["train"], self.files, Path(scratch))
            language_model = describe_language_model(parts, self.texts)
            lexicon = describe_lexicon(parts, self.tokenizer, self.texts)
            self._warn(language_model)
            used = [each.model_dump(mode="json") if each else None for each in (language_model, lexicon)]
            kept = Kept.open(
                self.folder.tuning, [self.weights, self.recipe.digest(), used, read_code().digest]
            )
            decoder = replace(
                parts.decoder,
                priors=self._priors(kept),
                attention=self._attention(),
                hearings=self.recipe.decoder.hearings,
            )
            dev = self._heard("dev")
            surface = self._tuned(decoder, dev, kept) if self.recipe.decoder.tune else None
            if surface:
                decoder = decoder.weighing(surface.best.weights)
            settings = self._keep(decoder, parts)
        return self._read(decoder, settings, language_model, lexicon, surface, dev)

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """Normalised, of train, dev and test."""
        version = self.recipe.text
        return {name: [normalise(u.text, version) for u in part] for name, part in self.parts.items()}

    def _priors(self, kept: "Kept") -> Priors | None:
        """Of the training part, or an hour of it; only where one of the weights to try is not 0."""
        wanted = self.recipe.decoder
        if not any((wanted.prior_weight, *(wanted.prior_weights if wanted.tune else ()))):
            return None
        if not kept.priors:
            chosen = some_of(self.parts["train"], self.recipe)
            heard = self._hear(chosen, "hearing train for the priors of the search")
            kept.keep(priors=Priors.of(heard).values)
        return Priors(kept.priors)

    def _attention(self) -> AttentionScorer | None:
        decoder = self.model.attention_decoder
        return (
            AttentionScorer(decoder) if decoder is not None and self.recipe.decoder.asks_attention else None
        )

    def _heard(self, part: str) -> list[LogProbs]:
        """Of all its utterances, for it is read more than once."""
        return list(self._hear(self.parts[part], f"hearing {part} for the search"))

    def _hear(self, utterances: Sequence[Utterance], what: str = "") -> Iterator[LogProbs]:
        """`what` is shown; "" for nothing."""

        def shown(done: int, total: int) -> None:
            if what:
                self.progress(what, done, total)

        found = log_probs_alone(
            self.model,
            utterances,
            workers=self.workers,
            hearings=self.recipe.decoder.hearings,
            progress=shown,
        )
        return found if self.recipe.decoder.asks_attention else map(plain, found)

    def _tuned(self, decoder: Decoder, dev: Sequence[LogProbs], kept: "Kept") -> Surface:
        """The surface on dev, with what an interrupted session has left of it."""
        surface = choose(
            decoder,
            Grid.of(self.recipe.decoder),
            self.tokenizer,
            dev,
            self.texts["dev"],
            rule=self.recipe.decoder.tune_by,
            known=kept.points,
            keep=lambda points: kept.keep(points=points),
            progress=partial(self.progress, "choosing weights of the search on dev"),
            unit=self.recipe.score.unit,
        )
        if surface.at_edge:
            self.say(
                f"search: the best {' and '.join(surface.at_edge)} on dev is the last that was tried; wider lists in "
                "[decoder] may find a better one"
            )
        return surface

    def _keep(self, decoder: Decoder, parts: SearchParts) -> SettingsUsed:
        """Puts the decoder into the bundle."""
        assert decoder.settings is not None
        used = SettingsUsed.of(decoder.settings, "plain", decoder.prior_weight)
        digest = save_decoder(
            self.folder.bundle,
            used,
            vocabulary_of(self.tokenizer),
            language_model=parts.language_model.arpa if parts.language_model else None,
            lexicon=decoder.lexicon,
            priors=decoder.priors,
            attention=attention_used(decoder),
            hearings=decoder.hearings,
        )
        name_decoder(self.folder.bundle, digest)
        return used

    def _read(
        self,
        decoder: Decoder,
        used: SettingsUsed,
        language_model: LanguageModelUsed | None,
        lexicon: LexiconUsed | None,
        surface: Surface | None,
        dev: Sequence[LogProbs],
    ) -> Searched:
        """The test part is read here, once, after everything has been decided."""
        results, outcomes, seconds = {}, {}, 0.0
        for name in ("dev", "test"):
            utterances = self.parts[name]
            heard = dev if name == "dev" else self._hear(utterances)
            reading = read_all(decoder, self.tokenizer, heard, self._shown(f"searching {name}", utterances))
            seconds = reading.seconds  # of the last one: test
            hypotheses = beside_references(utterances, reading.texts, self.recipe.text)
            write_hypotheses(self.folder.hypotheses(name, search=True), hypotheses, self.recipe.score.unit)
            results[name] = result_of(hypotheses, self.recipe.score.bootstrap, self.recipe.score.unit)
            outcomes[name] = outcomes_of(hypotheses, self.recipe.score.unit)
        return Searched(
            settings=used,
            language_model=language_model,
            lexicon=lexicon,
            priors=list(decoder.priors.values) if decoder.priors else [],
            attention=attention_used(decoder),
            hearings=decoder.hearings,
            surface=[PointTried(**asdict(point)) for point in surface.points] if surface else [],
            results=results,
            outcomes=outcomes,
            seconds=seconds,
            real_time_factor=seconds / sum(utterance.duration for utterance in self.parts["test"]),
        )

    def _shown(self, what: str, utterances: Sequence[Utterance]) -> Callable[[int], None]:
        return lambda done: self.progress(what, done, len(utterances))

    def _warn(self, language_model: LanguageModelUsed | None) -> None:
        """A text that has the sentences of dev or test knows what is to be found out."""
        shared = language_model.shared if language_model else None
        if language_model and shared and language_model.source != "train" and any(shared.values()):
            counts = ", ".join(
                f"{shared[part]} of {len(self.parts[part])} of {part}" for part in ("dev", "test")
            )
            self.say(
                f"search: {language_model.source} has texts of the corpus as sentences of its own ({counts}); the "
                "record says so"
            )


@dataclass
class Kept:
    """tuning.json: what a stage under way has found out, for a session that goes on with it."""

    path: Path
    of: str  # digest of all that it depends on
    priors: tuple[float, ...] = ()
    points: Sequence[Point] = ()

    @classmethod
    def open(cls, path: Path, depends: Any) -> "Kept":
        """What there is, if it depended on the same; else nothing."""
        of = canonical_digest(depends)
        tree = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if tree.get("of") != of:
            return cls(path, of)
        return cls(path, of, tuple(tree["priors"]), tuple(Point(**point) for point in tree["points"]))

    def keep(self, *, priors: Sequence[float] | None = None, points: Sequence[Point] | None = None) -> None:
        """Whole or not at all."""
        self.priors = self.priors if priors is None else tuple(priors)
        self.points = self.points if points is None else tuple(points)
        points_now = [asdict(point) for point in self.points]
        write_json(self.path, {"of": self.of, "priors": list(self.priors), "points": points_now})


def attention_used(decoder: Decoder) -> AttentionUsed | None:
    """None where no attention decoder is asked."""
    if not decoder.attention_weight:
        return None
    return AttentionUsed(weight=decoder.attention_weight, readings=decoder.attention_readings)


def some_of(utterances: Sequence[Utterance], recipe: Recipe) -> list[Utterance]:
    """Utterances to estimate priors from: those that are learned from by their length, `PRIOR_SECONDS` of them at most.

    Which ones and in what order depends on their ids alone.
    """
    found, seconds = list[Utterance](), 0.0
    for utterance in sorted(utterances, key=lambda each: hashlib.sha256(each.id.encode()).digest()):
        if recipe.corpus.min_seconds <= utterance.duration <= recipe.corpus.max_seconds:
            found.append(utterance)
            seconds += utterance.duration
            if seconds >= PRIOR_SECONDS:
                break
    return found
