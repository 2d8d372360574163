"""Cutting at pauses: all speech is heard once, pauses are not, and little is held."""

import re
import tarfile
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import Knowing, numbered

from asr.audio import read_audio
from asr.transcribe import pauses
from asr.transcribe.pauses import Pauses, PauseSettings, Stretch
from asr.transcribe.voice_activity import VoiceActivity
from asr.transcribe.windows import Windows

RATE = 1_000  # a frame of the network has 32 samples
GRID = 20
WINDOWS = Windows(whole=0, step=3_000, overlap=1_000, grid=GRID, hop=GRID)
SETTINGS = PauseSettings()
turns = st.lists(st.tuples(st.integers(0, 2_500), st.integers(100, 9_000)), max_size=6)  # quiet, then speech


def spans_of(turns: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """Samples with speech, on the frames of the network; and where the last ends."""
    spans, place = [], 0
    for quiet, speech in turns:
        begin = -(-(place + quiet) // 32) * 32
        place = begin + -(-speech // 32) * 32
        spans.append((begin, place))
    return spans, place


def cut(samples: np.ndarray, spans: Sequence[tuple[int, int]], block: int = 10_000) -> list[Stretch]:
    blocks = (samples[begin : begin + block] for begin in range(0, len(samples), block))
    return list(Pauses(Knowing(spans), RATE, WINDOWS)(blocks))  # type: ignore[arg-type]


@pytest.mark.parametrize(("quiet", "told"), [(4_900, False), (5_200, True), (60_000, True)])
def test_nobody_speaks_for_long(quiet: int, told: bool) -> None:
    """Said once, after five seconds without speech, and again after the last; not before the first."""
    spans, end = spans_of([(9_000, 1_000), (quiet, 1_000)])
    found = cut(numbered(end + 20_000), spans)
    assert [len(each.samples) > 0 for each in found] == [True, *[False] * told, True, False, False]
    ends = [spans[0][1]] * told + [spans[1][1]]
    empty = [each for each in found[:-1] if not len(each.samples)]
    for each, last in zip(empty, ends, strict=True):
        assert not each.last and 5_000 <= each.begin - last < 5_032


def test_clicks_are_nobody() -> None:
    """What is too short for any word puts nothing off."""
    clicks = [(2_000, 32)] * 100
    spans, end = spans_of([(1_000, 1_000), *clicks, (2_000, 1_000)])
    found = cut(numbered(end), spans)
    assert [len(each.samples) > 0 for each in found] == [True, False, True, False]
    assert found[1].begin - spans[0][1] < 5_000 + 1_000 * SETTINGS.near + 64


@settings(deadline=None, max_examples=50)
@given(turns, st.integers(0, 2_000), st.integers(1, 5_000))
def test_speech_is_heard_once_and_pauses_are_not(
    turns: list[tuple[int, int]], after: int, block: int
) -> None:
    spans, end = spans_of(turns)
    samples = numbered(end + after)
    *stretches, over = cut(samples, spans, block)
    assert (over.begin, len(over.samples), over.last, over.overlaps) == (end + after, 0, True, False)
    times_heard = np.zeros(end + after, int)
    place = 0
    for number, stretch in enumerate(stretches):
        begin, length = stretch.begin, len(stretch.samples)
        np.testing.assert_array_equal(stretch.samples, samples[begin : begin + length])
        assert not stretch.last
        assert 0 < length <= WINDOWS.step + WINDOWS.overlap + 200 + 32
        assert begin >= place  # nothing is heard twice, but for what overlaps
        if stretch.overlaps:
            assert stretches[number + 1].begin == begin + WINDOWS.step
            length = WINDOWS.step
        place = begin + length
        times_heard[begin:place] += 1
    heard = np.zeros(end + after, bool)
    for begin, stop in spans:
        assert (times_heard[begin:stop] == 1).all()
        heard[max(0, begin - 300) : stop + 200] = True
    # A pause is not heard, unless it is too short for one, or follows on brief speech.
    spoken = 0
    for (first, stop), (begin, _) in pairwise(spans):
        spoken += stop - first
        pause = 800 if spoken < 250 else 300
        heard[stop:begin] |= begin - stop < pause
        spoken = 0 if begin - stop >= pause else spoken
    assert not times_heard[~heard].any()


@settings(deadline=None, max_examples=50)
@given(turns, st.integers(200, 5_000))
def test_blocks_do_not_matter(turns: list[tuple[int, int]], block: int) -> None:
    spans, end = spans_of(turns)
    samples = numbered(end + 500)
    whole, blocks = cut(samples, spans, end + 500), cut(samples, spans, block)
    assert [(s.begin, s.overlaps) for s in whole] == [(s.begin, s.overlaps) for s in blocks]
    for one, other in zip(whole, blocks, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


def places(stretches: Sequence[Stretch]) -> list[tuple[int, int]]:
    return [(each.begin, each.begin + len(each.samples)) for each in stretches]


def test_how_much_of_a_pause_is_heard() -> None:
    """0.3 s before speech, 0.2 s after. 0.32 s are shared, two fifths for the speech before; 0.256 s part nothing."""
    spans = [(1_600, 3_200), (5_120, 6_400), (6_720, 7_040), (7_296, 7_680)]
    *found, _ = cut(numbered(9_000), spans)
    assert places(found) == [(1_300, 3_400), (4_820, 6_528), (6_528, 7_880)]


def test_nothing_before_and_after_the_file() -> None:
    *found, over = cut(numbered(2_000), [(64, 1_984)])
    assert (places(found), over.begin) == ([(0, 2_000)], 2_000)
    assert places(cut(numbered(2_000), [])) == [(2_000, 2_000)]
    assert places(cut(np.zeros(0, np.float32), [])) == [(0, 0)]


def test_long_speech_is_cut_at_its_longest_short_pause() -> None:
    """After 4 s; 0.096 s and 0.128 s are short pauses, 0.064 s is none; nothing is cut within the first half second."""
    speech = [(0, 320), (480, 1_600), (1_696, 2_560), (2_688, 3_200), (3_264, 4_800)]
    *found, _ = cut(numbered(6_000), speech)
    assert places(found) == [(0, 2_624), (2_624, 5_000)]


def test_speech_without_any_pause_is_cut_into_windows() -> None:
    *found, _ = cut(numbered(12_000), [(320, 9_600)])
    assert places(found) == [(20, 4_020), (3_020, 7_020), (6_020, 9_800)]
    assert [each.overlaps for each in found] == [True, True, False]


def test_brief_speech_belongs_to_what_comes_next() -> None:
    """0.192 s of it and 0.64 s later more; 0.896 s are too much; 0.096 s by themselves are a click, and not heard."""
    assert places(cut(numbered(4_000), [(960, 1_152), (1_792, 2_560)])[:-1]) == [(660, 2_760)]
    assert places(cut(numbered(4_000), [(960, 1_152), (2_048, 2_560)])[:-1]) == [(660, 1_352), (1_748, 2_760)]
    assert places(cut(numbered(4_000), [(960, 1_056), (2_048, 2_560)])[:-1]) == [(1_748, 2_760)]
    assert places(cut(numbered(4_000), [(960, 1_056), (1_600, 2_560)])[:-1]) == [(660, 2_760)]


def test_digital_silence_is_not_heard() -> None:
    samples = numbered(6_000)
    samples[:1_500] = samples[3_264:5_000] = 0
    samples[2_000:2_100] = 0  # within speech it stays
    samples[5_000:] = 1e-6  # less than half a step of 16 bits
    spans = [(1_600, 3_200)]
    *found, over = cut(samples, spans)
    assert places(found) == [(1_500, 3_264)]
    assert over.begin == 6_000
    *found, _ = cut(np.zeros(6_000, np.float32), spans)
    assert found == []


@pytest.mark.parametrize(
    "spans", [[], [(3_200, 3_600_000)], [(n * 3_200, n * 3_200 + 1_600) for n in range(1_000)]]
)
def test_little_is_held(spans: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour: of silence, of speech without a pause, of speech and pauses. Blocks of a minute."""
    most = 0

    class Watched(pauses._Cutting):
        def _drop(self, before: int) -> None:
            nonlocal most
            super()._drop(before)
            most = max(most, len(self._held))
            assert len(self._dips) <= 60

    monkeypatch.setattr(pauses, "_Cutting", Watched)
    stretches = heard = 0
    blocks = (np.full(60 * RATE, 0.1, np.float32) for _ in range(60))
    for stretch in Pauses(Knowing(spans), RATE, WINDOWS)(blocks):  # type: ignore[arg-type]
        stretches += 1
        heard += len(stretch.samples)
    # One more than those with speech: the end; and much quiet before it.
    assert stretches == [1, 1_200, 1_002][(len(spans) > 0) + (len(spans) > 1)]
    window = WINDOWS.step + WINDOWS.overlap
    assert most <= window + round(pauses.BLOCK * RATE) + 32 + 300


def test_real_speech_is_found_and_pauses_are_not(an4_archive: Path, tmp_path: Path) -> None:
    """Three utterances of AN4 with two seconds of faint noise between them: stretches in each, and none elsewhere."""
    with tarfile.open(an4_archive) as archive:
        spelled = (each for each in archive if re.search(r"an4_clstk/fash/cen\d-fash-b.sph$", each.name))
        for member in islice(spelled, 3):
            archive.extract(member, tmp_path, filter="data")
    rate = 16_000
    waves = [read_audio(path, sample_rate=rate).samples for path in sorted(tmp_path.rglob("*.sph"))]
    assert len(waves) == 3
    pause = (0.001 * np.random.default_rng(3).standard_normal(2 * rate)).astype(np.float32)
    sound, said = [pause], []
    for wave in waves:
        begin = sum(map(len, sound))
        said.append((begin, begin + len(wave)))
        sound += [wave, pause]
    windows = Windows(whole=0, step=12 * rate, overlap=4 * rate, grid=320, hop=160)
    *found, over = Pauses(VoiceActivity(), rate, windows)([np.concatenate(sound)])
    assert over.begin == sum(map(len, sound))
    inside = [0] * len(said)
    for stretch in found:
        begin, end = stretch.begin, stretch.begin + len(stretch.samples)
        (number,) = [n for n, (first, last) in enumerate(said) if first <= (begin + end) / 2 < last]
        inside[number] += 1
        assert begin >= said[number][0] - 0.35 * rate
        assert end <= said[number][1] + 0.6 * rate
    assert all(inside)
    heard = sum(len(stretch.samples) for stretch in found)
    assert heard > 0.8 * sum(map(len, waves))
