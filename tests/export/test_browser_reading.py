"""What the page computes by itself, in the browser, against the same in Python on the same numbers."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from page_modules import page_modules, sent

from asr.decoding.reader import greedy_reader
from asr.decoding.vocabulary import vocabulary_of
from asr.decoding.word_times import heard_words
from asr.export.page_model import tokens_of
from asr.pronunciations import Pronunciations
from asr.randomness import numpy_generator
from asr.tokenizer import CharacterTokenizer, PhoneTokenizer, SubwordTokenizer, Tokenizer
from asr.tokenizer.homophones import words_and_pairs
from asr.tokenizer.phones import phone_tokenizer
from asr.tokenizer.subwords import train_subwords
from asr.transcribe.interpreter import Interpreter
from asr.transcribe.reading import Piece
from asr.transcribe.recording import Recording
from asr.transcribe.segments import segments_of
from asr.transcribe.transcript import Word
from asr.transcribe.windows import Windows

TEXTS = [
    "go on",
    "go to two",
    "two too",
    "no go",
    "to no one",
    "one on one",
    "on too",
    "see the sea",
    "the sea",
]
SPOKEN = {
    "go": ("G OW",), "on": ("AA N", "AO N"), "to": ("T UW", "T AH"), "two": ("T UW",), "too": ("T UW",),
    "no": ("N OW",), "one": ("W AH N",), "see": ("S IY",), "sea": ("S IY",), "the": ("DH AH", "DH IY"),
}  # fmt: skip


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with page_modules(tmp_path_factory.mktemp("modules")) as page:
        yield page


def phones(boundaries: bool) -> PhoneTokenizer:
    return phone_tokenizer(Pronunciations(SPOKEN, "test"), *words_and_pairs(TEXTS), boundaries=boundaries)


TOKENIZERS = {
    "characters": CharacterTokenizer(" abc"),
    "one word": CharacterTokenizer("abc"),
    "subwords": SubwordTokenizer(train_subwords(TEXTS, 18)),
    "phones": phones(True),
    "phones without boundaries": phones(False),
}


def log_probs(tokenizer: Tokenizer, path: Sequence[int], seed: int) -> np.ndarray:
    """In which this path is the best."""
    draw = numpy_generator(seed, "log-probs")
    found = draw.normal(-9, 1, (len(path), tokenizer.size))
    found[np.arange(len(path)), path] = -0.1
    return found.astype(np.float32)


def paths(tokenizer: Tokenizer, count: int) -> list[list[int]]:
    """Random ones, and of texts with a token in ten another one, left out or put in; some frames of each token."""
    draw = random.Random(1)
    found: list[list[int]] = [[], [0, 0], [1], list(range(tokenizer.size))]
    for number in range(count):
        if number % 4 == 0 or tokenizer.size < 6:
            tokens = [draw.randrange(1, tokenizer.size) for _ in range(draw.randrange(30))]
        else:
            tokens = tokenizer.encode(" ".join(draw.choice(TEXTS) for _ in range(draw.randrange(1, 4))))
            for place in range(len(tokens)):
                if draw.random() < 0.1 * (number % 3):
                    tokens[place] = draw.randrange(tokenizer.size)
        path: list[int] = []
        for token in tokens:
            path += [0] * draw.choice([0, 1, 5]) + [token] * draw.choice([1, 1, 2])
        found.append(path)
    return found


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_words_of_a_greedy_reading(modules: Any, kind: str) -> None:
    tokenizer = TOKENIZERS[kind]
    every = [log_probs(tokenizer, path, number) for number, path in enumerate(paths(tokenizer, 120))]
    ours = []
    for matrix in every:
        result = greedy_reader(tokenizer)(matrix)
        words = heard_words(tokenizer, matrix, result)
        assert (
            " ".join(word.word for word in words) == result.best.text
        )  # so the page need not join otherwise
        ours.append([[word.word, word.start, word.end] for word in words])
    theirs = modules.evaluate(
        """async ([tokens, every]) => {
          const { bestPath, Reading } = await import("./reading.js");
          const reading = new Reading(tokens);
          const path = (values) => bestPath(window.floats(values), tokens.symbols.length);
          return every.map((values) => reading.words(path(values)).map(({ word, start, end }) => [word, start, end]));
        }""",
        [tokens_of(tokenizer), [sent(matrix) for matrix in every]],
    )
    assert theirs == ours
    assert len({word for words in ours for word, *_ in words}) > 5


def test_what_is_not_a_number_is_refused(modules: Any) -> None:
    found = modules.evaluate(
        """async () => {
          const { bestPath } = await import("./reading.js");
          try {
            return bestPath(Float32Array.of(-1, -1, -2, -0.1, -1, NaN), 2);
          } catch (error) {
            return error.message;
          }
        }"""
    )
    assert found == "the model gave no number in frame 2"


WINDOWS = Windows(whole=20 * 400, step=4 * 400, overlap=2 * 400, grid=8, hop=4, centre=2.0)


@pytest.mark.parametrize(
    ("kind", "seconds"), [("characters", 3.0), ("characters", 400.0), ("phones without boundaries", 130.0)]
)
def test_a_long_recording_is_joined_and_timed_as_in_python(modules: Any, kind: str, seconds: float) -> None:
    """Windows whose log-probs differ where they overlap; stretches of a minute and more, with and without pauses."""
    rate, tokenizer = 400, TOKENIZERS[kind]
    draw = numpy_generator(int(seconds), "recording")
    frames = int(seconds * rate / WINDOWS.grid)
    spoken = draw.random(frames) < (0.02 if kind == "phones without boundaries" else 0.12)
    path = np.where(spoken, draw.integers(1, tokenizer.size, frames), 0)
    loud = np.repeat(np.where(np.convolve(spoken, np.ones(9), "same") > 0, 0.3, 0.001), WINDOWS.grid)
    samples = (loud * draw.standard_normal(len(loud))).astype(np.float32)
    recording = Recording(
        Interpreter(
            tokenizer, WINDOWS.grid / rate, True, greedy_reader(tokenizer), centre=WINDOWS.centre / rate
        ),
        WINDOWS, rate, vocabulary_of(tokenizer).word_starts,
    )  # fmt: skip
    heard = []
    for number, (window, last) in enumerate(WINDOWS.cut([samples])):
        first = number * WINDOWS.step // WINDOWS.grid
        mine = path[first : first + len(window) // WINDOWS.grid + 1].copy()
        mine[draw.random(len(mine)) < 0.01] = 0
        matrix = log_probs(tokenizer, mine, number)
        recording.add(Piece(0, window, last, begin=number * WINDOWS.step, overlaps=not last), matrix)
        heard.append(matrix.argmax(axis=1).tolist())
    ours = recording.finished()
    about = {
        "sample_rate": rate,
        "windows": {
            key: getattr(WINDOWS, key) for key in ("whole", "step", "overlap", "grid", "hop", "centre")
        }
        | {"whole": 0},
        "tokens": tokens_of(tokenizer),
    }
    theirs = modules.evaluate(
        """async ([about, samples, heard]) => {
          const { Recording } = await import("./recording.js");
          const { windowsOf } = await import("./windows.js");
          const size = about.tokens.symbols.length;
          const whole = window.floats(samples);
          const recording = new Recording(about);
          const windows = windowsOf(whole.length, about.windows);
          const words = windows.flatMap(({ begin, end, last }, number) => {
            const logProbs = new Float32Array(heard[number].length * size).fill(-9);
            heard[number].forEach((token, frame) => (logProbs[frame * size + token] = -0.1));
            const until = (last ? end : begin + about.windows.step) / about.sample_rate;
            return recording.add(whole.slice(begin, end), logProbs, last, until);
          });
          return { windows: windows.length, words: words.map(({ word, start, end }) => [word, start, end]) };
        }""",
        [about, sent(samples), heard],
    )
    assert theirs["windows"] == len(heard)
    assert [word for word, *_ in theirs["words"]] == [word.word for word in ours.words]
    times = [[word.start, word.end] for word in ours.words]
    assert np.abs(np.array(times) - [word[1:] for word in theirs["words"]]).max() < 1e-9
    assert len(times) > seconds / 4


def test_lines_of_subtitles(modules: Any) -> None:
    draw = random.Random(3)
    every = []
    for _ in range(40):
        end, words = 0.0, []
        for number in range(draw.randrange(1, 60)):
            start = end + draw.choice([0, 0, 0, 0.1, 0.3, 0.3, 1.0, 2.5])
            end = start + draw.choice([0.1, 0.5, 1.5])
            words.append(Word("w" * draw.randrange(1, 12) + str(number), start, end))
        every.append(words)
    theirs = modules.evaluate(
        """async (every) => {
          const { linesOf } = await import("./lines.js");
          return every.map((words) => linesOf(words).map(({ start, end, text }) => [start, end, text]));
        }""",
        [[{"word": word.word, "start": word.start, "end": word.end} for word in words] for words in every],
    )
    assert theirs == [[[line.start, line.end, line.text] for line in segments_of(words)] for words in every]
