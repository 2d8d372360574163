"""Words to segments: what stands together in subtitles.

Words are parted at pauses. What is still too long for a subtitle is parted at its largest gap, and again, until each
part fits: two lines of 42 characters, read in 7 seconds, are the common limits.
"""

from collections.abc import Iterator, Sequence

from asr.transcribe.transcript import Segment, Word

PAUSE = 1.0  # seconds between two words that begin a new segment
CHARACTERS = 84  # in a segment
SECONDS = 7.0  # of a segment
# Of the words on either side of a gap, if there is such a gap: no word stands alone without need.
LEAST = 0.25


def segments_of(words: Sequence[Word]) -> tuple[Segment, ...]:
    """All words, each once and in order. Only a single word can be longer than the limits."""
    return tuple(
        Segment(part[0].start, max(word.end for word in part), _text(part), tuple(part))
        for spoken in _between_pauses(words)
        for part in _short(spoken)
    )


def _between_pauses(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    begin = 0
    for place in range(1, len(words)):
        if words[place].start - words[place - 1].end >= PAUSE:
            yield words[begin:place]
            begin = place
    if words:
        yield words[begin:]


def _short(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    waiting = [words]
    while waiting:
        part = waiting.pop()
        seconds = part[-1].end - part[0].start
        if len(part) == 1 or (seconds <= SECONDS and len(_text(part)) <= CHARACTERS):
            yield part
            continue
        place = _largest_gap(part)
        waiting += [part[place:], part[:place]]


def _largest_gap(words: Sequence[Word]) -> int:
    """The word after it; of equal gaps the one nearest to the middle."""
    least = max(1, int(LEAST * len(words)))

    def size(place: int) -> tuple[float, float]:
        gap = round(words[place].start - words[place - 1].end, 3)  # finer than times are right
        return gap, -abs(place - len(words) / 2)

    return max(range(least, len(words) - least + 1), key=size)


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.word for word in words)
