"""Members of an ensemble that are models of ours: what each hears in an utterance, and what they hear together."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import thread_time
from typing import Any, Literal

from asr.audio import read_audio
from asr.decoding.averaging import Mean
from asr.decoding.reader import GREEDY
from asr.decoding.word_times import heard_words
from asr.engine.engine import Engine, load_engine
from asr.ensemble.averaging import Likeness
from asr.ensemble.rover import Said
from asr.ensemble.words import said_of
from asr.errors import BundleError, EnsembleError
from asr.evaluation.decode import AHEAD
from asr.evaluation.matrix import named
from asr.manifest import Utterance
from asr.model.described import Described
from asr.model.hearings import Hearings
from asr.numerics import one_thread, warm_up
from asr.scoring import Unit
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs
from asr.transcribe.interpreter import Interpreter, interpreter_of
from asr.transcribe.transcript import NO_CONFIDENCE, POSTERIOR, Wanted

# Of words: none; the model's own probabilities; the estimator that each bundle carries, none where it carries none.
Confidence = Literal["none", "posterior", "bundle"]
ASKED: dict[Confidence, str] = {"none": NO_CONFIDENCE, "posterior": POSTERIOR, "bundle": ""}
Transcribed = tuple[Said, ...]


@dataclass(frozen=True)
class Member:
    """A model, ready to hear."""

    name: str
    described: Described
    engine: Engine
    interpreter: Interpreter  # its reader is always there
    hearings: Hearings  # as its interpreter wants them

    @classmethod
    def of(
        cls, name: str, folder: Path, which: Literal["greedy", "beam"], confidence: Confidence
    ) -> "Member":
        """
        Args:
            folder: of its bundle.
            which: beam is the search that the bundle carries; one without a search is read greedily.

        Raises:
            BundleError: no bundle, or an altered one.
        """
        described, engine = load_engine(folder, device="cpu")
        decoder = which if described.description.decoder else "greedy"
        wanted = Wanted(words=True, decoder=decoder, confidence=ASKED[confidence])
        interpreter = interpreter_of(folder, described, wanted, 0.0, engine.name)
        front_end, model = described.description.front_end, described.description.model
        return cls(name, described, engine, interpreter, Hearings.of(interpreter.hearings, front_end, model))

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.described.description.front_end.sample_rate

    @property
    def decoder(self) -> str:
        """greedy, or beam for the search that it carries."""
        reader = self.interpreter.reader
        return "greedy" if reader is None or reader.name == GREEDY else "beam"

    def hear(self, samples: Samples) -> LogProbs:
        """Of one utterance at its sample rate."""
        return self.hearings(samples, self.engine)

    def read(self, log_probs: LogProbs, version: str, unit: Unit) -> Transcribed:
        """Normalised words of log-probs that are its own, or of an average with its tokens."""
        interpreter = self.interpreter
        result = interpreter.read(log_probs)
        if interpreter.estimator is None:
            return said_of(result.text, (), version, unit)
        spans = heard_words(interpreter.tokenizer, log_probs, result, interpreter.lexicon)
        sure = interpreter.estimator(log_probs, result, spans)
        words = [(span.word, confidence) for span, confidence in zip(spans, sure, strict=True)]
        return said_of(result.text, words, version, unit)

    def to_json(self) -> dict[str, Any]:
        description = self.described.description
        return {
            **named(self.name, description),
            "decoder": self.decoder,
            "search": description.decoder if self.decoder == "beam" else "",
            "engine": self.engine.name,
        }


def refuse_attention(name: str, asked: bool) -> None:
    """Of the model by whose search an average is to be read.

    Raises:
        EnsembleError: an attention decoder is asked, which has to know the frames that one model heard.
    """
    if asked:
        raise EnsembleError(
            f"{name}: its search asks an attention decoder, which an average has no frames for; name another model "
            "first, read greedily, or put words to the vote"
        )


@dataclass(frozen=True)
class HeardOnce:
    """One utterance, heard by all members. Times are seconds of processor time."""

    members: tuple[Transcribed, ...]
    averages: dict[Mean, Transcribed]
    computing: tuple[float, ...]  # of the log-probs of each member
    reading: tuple[float, ...]  # of their own
    averaging: float  # of one average and its reading; 0 without one


@dataclass(frozen=True)
class Members:
    """All of an ensemble.

    Raises:
        EnsembleError: fewer than two.
    """

    each: tuple[Member, ...]
    version: str  # of the text normaliser
    unit: Unit = "word"
    likeness: Likeness | None = None  # where averages are wanted
    means: tuple[Mean, ...] = ()  # these

    def __post_init__(self) -> None:
        if len(self.each) < 2:
            raise EnsembleError(f"an ensemble needs two members or more, got {len(self.each)}")
        if self.means:
            refuse_attention(self.each[0].name, self.each[0].interpreter.asks_attention)

    def hear(
        self,
        utterances: Sequence[Utterance],
        *,
        workers: int = 1,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Iterator[HeardOnce]:
        """In the order of the utterances, each heard by itself by every member: nothing else has a say.

        Raises:
            AudioError: a file cannot be read; names it.
        """
        warm_up()
        rest, waiting = iter(utterances), deque[Future[HeardOnce]]()
        with ThreadPoolExecutor(workers, initializer=one_thread) as pool:
            try:
                for done in range(1, len(utterances) + 1):
                    free = AHEAD * workers + 1 - len(waiting)
                    waiting.extend(pool.submit(self.once, each) for each in islice(rest, free))
                    heard = waiting.popleft().result()
                    progress(done, len(utterances))
                    yield heard
            finally:
                for future in waiting:
                    future.cancel()

    def once(self, utterance: Utterance) -> HeardOnce:
        """One utterance."""
        sounds = {rate: _samples(utterance, rate) for rate in {member.sample_rate for member in self.each}}
        matrices, computing, said, reading = [], [], [], []
        for member in self.each:
            begun = thread_time()
            matrices.append(member.hear(sounds[member.sample_rate]))
            computing.append(thread_time() - begun)
            begun = thread_time()
            said.append(member.read(matrices[-1], self.version, self.unit))
            reading.append(thread_time() - begun)
        averages: dict[Mean, Transcribed] = {}
        averaging = 0.0
        for mean in self.means:
            assert self.likeness is not None  # averages are wanted
            begun = thread_time()
            together = self.likeness.average(matrices, mean)
            averages[mean] = self.each[0].read(together, self.version, self.unit)
            averaging = thread_time() - begun
        return HeardOnce(tuple(said), averages, tuple(computing), tuple(reading), averaging)


def checked_searches(members: Sequence[Member], which: Literal["greedy", "beam"]) -> None:
    """Raises BundleError where a search was asked for and nobody carries one."""
    if which == "beam" and all(member.decoder == "greedy" for member in members):
        raise BundleError(
            f"{members[0].name}: this model carries no search, nor do the others; leave out --decoder beam"
        )


def _samples(utterance: Utterance, rate: int) -> Samples:
    u = utterance
    return read_audio(u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=rate).samples
