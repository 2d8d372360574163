"""Streams: nothing lost, nothing doubled, the same finals whatever the chunks; bounded work and memory."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hearing
import miniature
import numpy as np
import pytest
from hearing import GAP, RATE, Local, Loud, hiss, silence, sound_of
from hypothesis import given, settings
from hypothesis import strategies as st

from asr import Transcriber
from asr.audio import Audio, resample
from asr.errors import AsrError, AudioError
from asr.transcribe.live import live as live_module
from asr.transcribe.live.live import CONTEXT, LEAD, TRAIL, Delay, Final, Live, Partial, Update
from asr.transcribe.live.sound import RESAMPLING
from asr.transcribe.reading import COMPANY

# Text and the seconds of silence behind it.
spoken = st.lists(
    st.tuples(st.text("abcd", min_size=1, max_size=5), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.5, 4.0])),
    min_size=1,
    max_size=12,
)
chunks = st.lists(st.integers(1, 3 * RATE), min_size=1, max_size=5)


def stream(said: Sequence[tuple[str, float]]) -> np.ndarray:
    """A separator is said behind each word, as models do."""
    parts = [part for word, pause in said for part in (sound_of(f"{word} "), silence(pause))]
    return np.concatenate([silence(0.4), *parts])


def cut(samples: np.ndarray, sizes: Sequence[int]) -> Iterator[np.ndarray]:
    """Into chunks of these sizes, in turns."""
    begin = turn = 0
    while begin < len(samples):
        yield samples[begin : begin + sizes[turn % len(sizes)]]
        begin, turn = begin + sizes[turn % len(sizes)], turn + 1


def play(live: Live, blocks: Iterator[np.ndarray]) -> list[Update]:
    return [update for block in blocks for update in live.feed(block)] + live.finish()


def finals(updates: Sequence[Update]) -> list[Final]:
    return [update for update in updates if isinstance(update, Final)]


def texts(updates: Sequence[Update]) -> str:
    return " ".join(final.text for final in finals(updates) if final.text)


def local(**options: Any) -> Live:
    return Live(Local(), voice=Loud(), **options)  # type: ignore[arg-type]


@settings(max_examples=50)
@given(spoken, chunks, st.sampled_from([2.0, 3.0, 16.0]))
def test_nothing_is_lost_or_doubled_whatever_the_chunks(
    said: list[tuple[str, float]], sizes: list[int], longest: float
) -> None:
    samples = stream(said)
    found = finals(play(local(longest=longest), cut(samples, sizes)))
    assert texts(found) == Local().whole(samples) == " ".join(word for word, _ in said)
    assert found == finals(play(local(longest=longest), iter([samples])))
    places = [place for final in found for place in (final.start, final.end)]
    assert places == sorted(places)
    assert places[0] >= 0 and places[-1] <= len(samples) / RATE
    assert all(final.end - final.start <= longest for final in found)


def test_words_and_times_by_hand() -> None:
    """Said from 0.416 s on: 13 frames of 0.032 s. Three characters and a separator last 0.32 s."""
    parts = [hiss(0.416), sound_of("abc "), hiss(0.96), sound_of("dad "), hiss(0.9)]
    first, second = finals(play(local(), cut(np.concatenate(parts), [100])))
    assert (first.text, second.text) == ("abc", "dad")
    assert first.start == pytest.approx(0.416 - LEAD)
    assert first.end == pytest.approx(0.736 + TRAIL)  # its last frame of speech is the 23rd
    assert second.start == pytest.approx(1.696 - LEAD)  # and the next one begins with the 54th
    assert first.pause and second.pause


def test_digital_silence_is_not_heard() -> None:
    """The same, but for the silence between and half of the beginning, which have no noise at all."""
    parts = [silence(0.216), hiss(0.2), sound_of("abc "), silence(0.96), sound_of("dad "), silence(0.9)]
    first, second = finals(play(local(), cut(np.concatenate(parts), [100])))
    assert (first.start, first.end) == (pytest.approx(0.216), pytest.approx(0.736 - GAP))
    assert (second.start, second.end) == (pytest.approx(1.696), pytest.approx(2.016 - GAP))


def test_an_utterance_is_heard_in_the_company_of_the_one_before() -> None:
    """By a model whose search hears several times: partials and finals of all but the first utterance; not what comes
    after a cut, which has its own company."""
    parts = [
        hiss(0.5),
        sound_of("abc "),
        hiss(1.0),
        sound_of("dad " * 9),
        hiss(1.0),
        sound_of("a "),
        hiss(1.0),
    ]
    samples = np.concatenate(parts)
    model = Local(hearings=4)
    found = finals(play(Live(model, voice=Loud(), longest=2.0), cut(samples, [100])))  # type: ignore[arg-type]
    assert texts(found) == f"abc {'dad ' * 9}a"
    assert [final.pause for final in found][:2] == [True, False]
    places = [(round(final.start * RATE), round(final.end * RATE)) for final in found]
    first = samples[slice(*places[0])].tobytes()
    begin, end = places[-2]
    rest = samples[begin - round(CONTEXT * RATE) : end].tobytes()  # with what it was heard with
    heard = [side.tobytes() for side in model.before]
    changes = [side for number, side in enumerate(heard) if number == 0 or side != heard[number - 1]]
    assert changes[:-1] == [b"", first, b""]
    assert rest.endswith(changes[-1])
    assert len(changes[-1]) > samples.itemsize * (end - begin)
    once = Local()
    assert finals(play(Live(once, voice=Loud(), longest=2.0), cut(samples, [100]))) == found  # type: ignore[arg-type]
    assert not any(len(side) for side in once.before)


@pytest.mark.parametrize(("pause", "together"), [(4.0, True), (6.0, False)])
def test_what_was_long_ago_is_no_company(pause: float, together: bool) -> None:
    model = Local(hearings=4)
    samples = np.concatenate([sound_of("abcd "), hiss(pause), sound_of("a "), hiss(1.0)])
    assert len(finals(play(Live(model, voice=Loud()), cut(samples, [500])))) == 2  # type: ignore[arg-type]
    assert any(len(side) for side in model.before) is together


def test_company_is_short() -> None:
    model = Local(hearings=4)
    samples = np.concatenate([sound_of("abcd " * 25), hiss(1.0), sound_of("a "), hiss(1.0)])
    play(Live(model, voice=Loud(), longest=16.0), cut(samples, [500]))  # type: ignore[arg-type]
    assert {len(side) / RATE for side in model.before} == {0.0, COMPANY}


def test_finals_come_after_the_pause_and_partials_before() -> None:
    samples = np.concatenate([sound_of("abcd abcd abcd "), silence(2.0)])  # speech ends at 1.18 s
    when: list[tuple[float, Update]] = []
    live = local(pause=0.6, interval=0.25)
    for block in cut(samples, [10]):
        when += [(live.seconds, update) for update in live.feed(block)]
    assert [round(seconds, 2) for seconds, _ in when] == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.8]
    assert [update.text for _, update in when[:2]] == ["abcd", "abcd ab"]
    # The last word was over 0.07 s before 1.25 s, so it is heard once more, and then no more until it is final.
    assert [update.text for _, update in when[4:]] == ["abcd abcd abcd"] * 3
    assert isinstance(when[-1][1], Final)
    assert live.finish() == []
    assert when[-1][0] - 1.18 <= live.delay.final


def test_delay_is_what_it_says() -> None:
    assert local(pause=0.6, interval=0.5, longest=10.0).delay == Delay(0.532, 0.664, pytest.approx(10.032))
    resampled = local(sample_rate=8000, pause=0.6, interval=0.5, longest=10.0).delay
    assert resampled.final == pytest.approx(0.664 + RESAMPLING)


def test_what_is_too_long_is_cut_between_words_and_costs_no_more_than_that() -> None:
    model = Local()
    live = Live(model, voice=Loud(), longest=4.0)  # type: ignore[arg-type]
    samples = np.tile(sound_of("abcd dcba "), 100)  # 80 s without a pause
    updates = play(live, cut(samples, [160]))
    assert texts(updates) == model.whole(samples)
    assert [final.pause for final in finals(updates)] == [False] * (len(finals(updates)) - 1) + [True]
    assert len(finals(updates)) > 80 / 4
    assert max(model.seconds) <= 4.0 + CONTEXT + 0.16
    by_part = [update for update in updates if isinstance(update, Partial)]
    assert max(len(partial.text) for partial in by_part) < 60


def test_memory_does_not_grow() -> None:
    live = local()
    block = np.concatenate([sound_of("abcd " * 6), silence(1.0)])
    held = []
    for _ in range(200):
        for part in cut(block, [100]):
            live.feed(part, partials=False)
            held.append(live._sound.end - live._sound.begin)
    assert live.seconds > 600
    assert max(held) < 5 * RATE
    for _ in range(100):  # and where nothing is said
        live.feed(silence(1.0))
    assert live._sound.end - live._sound.begin <= RATE + LEAD * RATE


def test_an_hour_at_once_is_taken_in_parts() -> None:
    live = local()
    found = live.feed(np.concatenate([silence(1800), sound_of("abc "), silence(1800)]))
    assert texts(found) == "abc"
    assert live._sound.end - live._sound.begin <= 2 * RATE


def test_slow_computing_leaves_out_partials_and_never_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hearing takes a second of a clock that only hearing moves; the stream is 20 s of speech."""
    clock, samples = [0.0], np.tile(sound_of("abcd dcba "), 25)
    monkeypatch.setattr(live_module, "perf_counter", lambda: clock[0])
    model = Local()
    takes = [0.0]

    def hear(pieces: Any) -> Any:
        clock[0] += takes[0]
        return model.hear(pieces)

    counted: list[int] = []
    found: list[str] = []
    for takes[0] in (0.0, 1.0):
        updates = play(Live(model, voice=Loud(), hear=hear), cut(samples, [50]))  # type: ignore[arg-type]
        counted.append(sum(isinstance(update, Partial) for update in updates))
        found.append(texts(updates))
    assert 38 <= counted[0] <= 40  # one each half second
    assert 9 <= counted[1] <= 10  # one each two seconds: half of the time
    assert found[0] == found[1] == model.whole(samples)


def test_no_partials_where_more_is_waiting() -> None:
    live = local()
    updates = [u for block in cut(sound_of("abcd " * 9), [50]) for u in live.feed(block, partials=False)]
    assert updates == []
    assert texts(live.finish()) == " ".join(["abcd"] * 9)


def test_a_click_is_no_utterance() -> None:
    samples = np.concatenate([silence(0.5), np.full(20, 0.4, np.float32), silence(2.0)])
    assert play(local(), cut(samples, [100])) == []


def test_sound_without_words_ends_in_an_empty_final() -> None:
    """A hum that the model hears as blank, where the detector hears speech."""
    hum = np.full(500, 0.04, np.float32)

    class Anything(Loud):
        def stream(self, sample_rate: int) -> Any:
            return lambda samples, last=False: np.ones(len(samples) // 32, np.float32)

    live = Live(Local(), voice=Anything())  # type: ignore[arg-type]
    assert finals(live.feed(hum[:480]) + live.finish()) == [Final("", (), 0.0, 0.48, True)]


@pytest.mark.parametrize(
    ("samples", "error", "says"),
    [
        (np.zeros(10, np.int16), ValueError, "expected float samples .* got int16"),
        (np.zeros((10, 2), np.float32), ValueError, r"shape \(10, 2\)"),
        (np.array([0.0, np.nan], np.float32), AudioError, "no finite numbers"),
    ],
)
def test_samples_that_cannot_be(samples: np.ndarray, error: type[Exception], says: str) -> None:
    live = local()
    with pytest.raises(error, match=says):
        live.feed(samples)
    assert live.seconds == 0
    live.finish()


@pytest.mark.parametrize(
    "options",
    [
        {"pause": 0.0},
        {"pause": np.nan},
        {"interval": 0.0},
        {"longest": 1.0},
        {"sample_rate": 10},
        {"sample_rate": 4_000_000_000},
    ],
)
def test_settings_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
        local(**options)


def test_no_such_voice() -> None:
    with pytest.raises(ValueError, match="voice must be"):
        Live(Local(), voice="loud")  # type: ignore[arg-type]


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.transcribe.live.voice.installed", lambda: False)
    with pytest.raises(AsrError, match=r"pip install 'attest-asr\[vad\]'.*energy"):
        Live(Local())  # type: ignore[arg-type]


def test_a_stream_ends_once() -> None:
    live = local()
    assert live.finish() == []
    with pytest.raises(ValueError, match="finished"):
        live.finish()
    with pytest.raises(ValueError, match="finished"):
        live.feed(silence(1))


# With a model that was trained, and hears in both directions.


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    run: Path = miniature.trained(tmp_path_factory.getbasetemp())[1]
    return Transcriber(run, device="cpu", words=True)


SAID = ("YES GO", "NO", "SEE ONE GO", "ONE YES", "GO NO SEE")
LONG = "GO NO SEE YES GO NO ONE SEE YES GO"  # in one breath


@pytest.fixture(scope="module")
def conversation() -> np.ndarray:
    """(samples,) float32 at 8 kHz, in faint noise."""
    parts = [part for text in SAID for part in (miniature.speech(text, text), np.zeros(miniature.RATE))]
    noise = np.random.default_rng(1).standard_normal(sum(map(len, parts)))
    return np.asarray(np.concatenate(parts) + 0.003 * noise, np.float32)


def test_a_real_model_and_the_gate(transcriber: Transcriber, conversation: np.ndarray) -> None:
    found = finals(play(Live(transcriber, voice="energy"), cut(conversation, [80])))
    assert [final.text for final in found] == [text.lower() for text in SAID]
    for final in found:
        assert [word.word for word in final.words] == final.text.split()
        assert final.start <= final.words[0].start < final.words[-1].end <= final.end
        part = conversation[
            round(final.start * miniature.RATE) : round(final.end * miniature.RATE)
        ]  # heard by itself
        alone = transcriber(Audio(part, miniature.RATE))
        assert [word.word for word in alone.words] == [word.word for word in final.words]
        assert final.words[0].start == pytest.approx(final.start + alone.words[0].start)


@pytest.mark.parametrize("rate", [11_025, 16_000, 44_100])
def test_any_rate_in_any_chunks(transcriber: Transcriber, conversation: np.ndarray, rate: int) -> None:
    """Also where an utterance is cut."""
    both = np.concatenate([conversation, miniature.speech(LONG, "long")])
    samples = resample(both, miniature.RATE, rate)

    def heard(size: float) -> list[Final]:
        live = Live(transcriber, sample_rate=rate, voice="energy", longest=2.0)
        return finals(play(live, cut(samples, [max(1, round(size * rate))])))

    once = heard(100.0)
    assert heard(0.01) == heard(0.37) == once
    assert [final.text for final in once[: len(SAID)]] == [text.lower() for text in SAID]
    assert len(once) > len(SAID) + 1
    assert texts(once[len(SAID) :]) == LONG.lower()
    assert once[-1].end == pytest.approx(len(samples) / rate, abs=0.1)


def test_streams_share_a_transcriber_and_its_batches(
    transcriber: Transcriber, conversation: np.ndarray
) -> None:
    """What is heard for one stream is computed together with something else, in threads at the same time."""
    alone = finals(play(Live(transcriber, voice="energy"), cut(conversation, [400])))
    other = np.asarray(miniature.speech("ONE", "other"), np.float32)
    rows = []

    def hear(pieces: list[Any]) -> Any:
        heard = transcriber.hear([*pieces, hearing.Piece(7, other, last=True)])
        rows.append(len(heard))
        return heard[: len(pieces)]

    found: dict[int, list[Final]] = {}

    def listen(number: int) -> None:
        live = Live(transcriber, voice="energy", hear=hear)
        found[number] = finals(play(live, cut(conversation, [400])))

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [final.text for final in found[0]] == [final.text for final in alone]
    assert found[0] == found[1] == found[2]
    assert set(rows) == {2}
