"""What was heard in each channel of a file by itself: of a call, who said what, one after the other."""

from dataclasses import dataclass

from asr.transcribe.transcript import Segment, Transcript, Word


@dataclass(frozen=True)
class Channels:
    """The transcripts of the channels of one file, the first channel first. Channels are counted from 1."""

    channels: tuple[Transcript, ...]

    @property
    def seconds(self) -> float:
        """Of the file: its channels are of one length."""
        return max((one.seconds for one in self.channels), default=0.0)

    @property
    def segments(self) -> list[tuple[int, Segment]]:
        """Segments of all channels with the channel of each, in the order in which they begin."""
        found = [(number, segment) for number, one in enumerate(self.channels, 1) for segment in one.segments]
        return sorted(found, key=lambda pair: (pair[1].start, pair[0]))

    @property
    def words(self) -> list[tuple[int, Word]]:
        """Words of all channels with the channel of each, in the order in which they begin."""
        found = [(number, word) for number, one in enumerate(self.channels, 1) for word in one.words]
        return sorted(found, key=lambda pair: (pair[1].start, pair[0]))

    @property
    def turns(self) -> list[tuple[int, str]]:
        """Texts with the channel of each: what a channel says until another one begins to speak."""
        found: list[tuple[int, str]] = []
        for number, segment in self.segments:
            if found and found[-1][0] == number:
                found[-1] = (number, f"{found[-1][1]} {segment.text}")
            else:
                found.append((number, segment.text))
        return found
