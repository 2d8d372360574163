"""Pieces of sound, their groups and batches."""

import gc
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import Audio, read_audio
from asr.errors import AudioError
from asr.sound_file import NOTHING
from asr.transcribe import reading
from asr.transcribe.pauses import Stretch
from asr.transcribe.reading import Piece, batches_of, cheapest_batches, groups_of, pieces_of, read_ahead
from asr.transcribe.windows import Windows

RATE = 8_000
WINDOWS = Windows(whole=2 * RATE, step=RATE, overlap=RATE // 4, grid=80, hop=80)


def write(path: Path, seconds: float, rate: int = RATE, channels: int = 1) -> Path:
    noise = np.random.default_rng(int(seconds * 100)).uniform(-0.5, 0.5, (int(seconds * rate), channels))
    soundfile.write(path, noise, rate, subtype="PCM_16")
    return path


def piece(seconds: float, file: int = 0) -> Piece:
    return Piece(file, np.zeros(int(seconds * RATE), np.float32), last=True)


def cost(seconds: list[float], sizes: tuple[int, ...] | list[int]) -> float:
    begins = itertools.accumulate([0, *sizes[:-1]])
    return sum(seconds[begin] * (size + reading.OVERHEAD) for begin, size in zip(begins, sizes, strict=True))


@given(st.lists(st.floats(0.1, 20), min_size=1, max_size=8), st.integers(1, 5), st.floats(5, 60))
def test_no_batches_are_cheaper(seconds: list[float], most: int, limit: float) -> None:
    """Against every way to cut the list."""
    seconds.sort(reverse=True)
    sizes = cheapest_batches(seconds, most, limit)
    assert sum(sizes) == len(seconds)

    def allowed(cut: tuple[int, ...]) -> bool:
        begins = itertools.accumulate([0, *cut[:-1]])
        return all(
            size <= most and (size == 1 or seconds[begin] * size <= limit)
            for begin, size in zip(begins, cut, strict=True)
        )

    cuts = [
        tuple(np.diff([0, *places, len(seconds)]).tolist())
        for count in range(len(seconds))
        for places in itertools.combinations(range(1, len(seconds)), count)
    ]
    assert allowed(tuple(sizes))
    assert cost(seconds, sizes) == pytest.approx(min(cost(seconds, cut) for cut in cuts if allowed(cut)))


def test_equal_lengths_fill_batches() -> None:
    assert cheapest_batches([1.0] * 64, 32, 1000.0) == [32, 32]
    assert cheapest_batches([], 32, 1000.0) == []


def test_each_worker_has_a_batch() -> None:
    group = [piece(1.0, number) for number in range(10)]
    assert [len(batch) for batch in batches_of(group, RATE, 4)] == [2, 2, 3, 3] or all(
        len(batch) <= 3 for batch in batches_of(group, RATE, 4)
    )
    assert sorted(p.file for batch in batches_of(group, RATE, 4) for p in batch) == list(range(10))


def test_groups_grow_and_end_where_they_are_asked_to() -> None:
    pieces = [piece(0.01, number) for number in range(400)]
    assert [len(group) for group in groups_of(pieces, RATE)] == [16, 64, 256, 64]
    few = [*pieces[:3], None, None, *pieces[3:5]]
    assert [len(group) for group in groups_of(few, RATE)] == [3, 2]
    assert list(groups_of([None], RATE)) == []


def test_groups_are_bounded_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SECONDS", 10.0)
    groups = list(groups_of([piece(4.0) for _ in range(7)], RATE))
    assert [len(group) for group in groups] == [3, 3, 1]


@pytest.mark.parametrize(("rate", "channels"), [(RATE, 1), (RATE, 2), (44_100, 2)])
def test_a_short_file_is_what_read_audio_reads(tmp_path: Path, rate: int, channels: int) -> None:
    path = write(tmp_path / "a.wav", 1.9, rate, channels)
    (found,) = pieces_of(7, path, RATE, WINDOWS)
    assert (found.file, found.last, found.fault) == (7, True, None)
    np.testing.assert_array_equal(found.samples, read_audio(path, sample_rate=RATE).samples)


@pytest.mark.parametrize(("rate", "channels"), [(RATE, 1), (44_100, 2), (11_025, 1)])
def test_a_long_file_is_cut_into_windows(tmp_path: Path, rate: int, channels: int) -> None:
    path = write(tmp_path / "a.wav", 5.1, rate, channels)
    whole = read_audio(path, sample_rate=RATE).samples
    found = list(pieces_of(7, path, RATE, WINDOWS))
    assert [part.last for part in found] == [False] * 4 + [True]
    for number, part in enumerate(found):
        end = None if part.last else (number + 1) * WINDOWS.step + WINDOWS.overlap
        np.testing.assert_array_equal(part.samples, whole[number * WINDOWS.step : end])


def test_as_long_as_allowed_is_short(tmp_path: Path) -> None:
    assert len(list(pieces_of(0, write(tmp_path / "a.wav", 2.0), RATE, WINDOWS))) == 1
    longer = np.zeros(2 * RATE + 1, np.float32)
    assert len(list(pieces_of(0, Audio(longer, RATE), RATE, WINDOWS))) == 2


def test_what_is_wrong_far_back_ends_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.sound_file._BLOCK", RATE)
    path = tmp_path / "a.wav"
    samples = np.zeros(6 * RATE, np.float32)
    samples[5 * RATE] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    *good, end = pieces_of(0, path, RATE, WINDOWS)
    assert len(good) == 4  # the last of them ends at 4.25 s, and the next would at 5.25 s
    assert all(part.fault is None and not part.last for part in good)
    assert end.last
    assert "sample 40000 is not a finite number" in str(end.fault)


def stretches_of(*lengths: int, overlapping: int | None = None) -> list[Stretch]:
    """Of so many samples, each with its own number in them, and the end of the file."""
    found = [
        Stretch(np.full(length, number, np.float32), 10 * number * RATE, number == overlapping, last=False)
        for number, length in enumerate(lengths, 1)
    ]
    return [*found, Stretch(NOTHING, 100 * RATE, False, last=True)]


def in_company(stretches: Iterable[Stretch], company: bool = True) -> list[Piece]:
    sound = Audio(np.zeros(3 * RATE, np.float32), RATE)
    return list(pieces_of(3, sound, RATE, WINDOWS, lambda _: iter(stretches), company=company))


def test_stretches_come_with_their_neighbours() -> None:
    most = int(reading.COMPANY * RATE)
    found = in_company(stretches_of(50, most + 7, 30, 20, overlapping=3))
    sides = [[(set(side.tolist()), len(side)) for side in (each.before, each.after)] for each in found]
    nothing: tuple[set[float], int] = (set(), 0)
    assert sides == [
        [nothing, ({2.0}, most)],
        [({1.0}, 50), ({3.0}, 30)],
        [({2.0}, most), nothing],  # it overlaps with the next one, which is part of it
        [nothing, nothing],
        [({4.0}, 20), nothing],
    ]
    plain = in_company(stretches_of(50, most + 7, 30, 20, overlapping=3), company=False)
    assert all(not len(each.before) and not len(each.after) for each in plain)
    for one, other in zip(found, plain, strict=True):
        assert np.array_equal(one.samples, other.samples)
        assert (one.begin, one.overlaps, one.last) == (other.begin, other.overlaps, other.last)
    assert [len(each.samples) for each in in_company(stretches_of())] == [0]


@pytest.mark.parametrize("error", [AudioError, RuntimeError])
def test_what_was_read_before_it_broke_off_is_heard(error: type[Exception]) -> None:
    """Whatever it was: of the stretch before it nothing comes behind."""

    def broken() -> Iterator[Stretch]:
        yield from stretches_of(50, 60)[:2]
        raise error("no more of it")

    pieces = pieces_of(
        3, Audio(np.zeros(3 * RATE, np.float32), RATE), RATE, WINDOWS, lambda _: broken(), company=True
    )
    first, second = itertools.islice(pieces, 2)
    assert (len(first.before), len(first.after)) == (0, 60)
    assert (len(second.before), len(second.after)) == (50, 0)
    if error is AudioError:
        (fault,) = pieces
        assert str(fault.fault) == "no more of it" and fault.last
    else:
        with pytest.raises(error, match="no more of it"):
            next(pieces)


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_whoever_has_heard_enough_may_close_it(taken: int) -> None:
    """At any piece: the one that is held is not given then, and the source is closed, too."""
    closed = False

    def watched() -> Iterator[Stretch]:
        nonlocal closed
        try:
            yield from stretches_of(50, 60, 70, overlapping=2)
        finally:
            closed = True

    sound = Audio(np.zeros(3 * RATE, np.float32), RATE)
    pieces = pieces_of(3, sound, RATE, WINDOWS, lambda _: watched(), company=True)
    assert len(list(itertools.islice(pieces, taken))) == taken
    pieces.close()  # type: ignore[attr-defined]
    gc.collect()
    assert closed


def test_what_is_far_is_no_company_and_is_not_waited_for() -> None:
    """An empty stretch says so, at once; it is no piece."""
    first, second, last = stretches_of(50, 60)
    far = Stretch(NOTHING, 15 * RATE, False, last=False)
    found = in_company([first, far, second, last])
    assert [(len(each.samples), len(each.before), len(each.after)) for each in found[:2]] == [
        (50, 0, 0),
        (60, 0, 0),
    ]
    assert [each.last for each in found] == [False, False, True]
    taken: list[Stretch] = []

    def watched() -> Iterator[Stretch]:
        for stretch in (first, far, second, last):
            taken.append(stretch)
            yield stretch

    sound = Audio(np.zeros(3 * RATE, np.float32), RATE)
    for company, needed in ((True, 2), (False, 1)):
        taken.clear()
        assert (
            len(next(pieces_of(3, sound, RATE, WINDOWS, lambda _: watched(), company=company)).samples) == 50
        )
        assert len(taken) == needed
    plain = in_company([first, far, second, last], company=False)
    assert [len(each.samples) for each in plain] == [50, 60, 0]


def test_what_overlaps_waits_for_nothing() -> None:
    """Of speech without a pause every window comes when it is cut off: the next one is no company for it."""
    taken = 0

    def watched() -> Iterator[Stretch]:
        nonlocal taken
        for stretch in stretches_of(50, 60, 70):
            taken += 1
            yield replace(stretch, overlaps=not stretch.last)

    sound = Audio(np.zeros(3 * RATE, np.float32), RATE)
    pieces = pieces_of(3, sound, RATE, WINDOWS, lambda _: watched(), company=True)
    for number, piece in enumerate(pieces, 1):
        assert taken == number or piece.last
        assert not len(piece.before) and not len(piece.after)
    assert taken == 4


def test_files_are_read_no_further_ahead_than_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", 0.1)
    asked = 0

    def endless() -> itertools.chain[Path]:  # type: ignore[type-arg]
        nonlocal asked
        while True:
            asked += 1
            yield path

    pieces = read_ahead(endless(), lambda file, source: pieces_of(file, source, RATE, WINDOWS), threads=2)
    files = [part.file for part in itertools.islice(pieces, 20) if part]
    pieces.close()  # type: ignore[attr-defined]
    assert files == list(range(20))
    assert asked <= 20 + 2 * 4 + 1
