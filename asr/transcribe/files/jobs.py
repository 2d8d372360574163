"""From names to what a transcriber is given, and back: which files are to be heard, in which channels, and which not.

The names are taken one by one while transcripts come, so that neither has to wait for all of the others.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from asr.audio import Track, shape_of
from asr.errors import AsrError, AudioError
from asr.transcribe.files.channels import Channels
from asr.transcribe.files.formats import Heard
from asr.transcribe.files.names import STDIN, Named
from asr.transcribe.files.outputs import Outputs
from asr.transcribe.transcript import Found, Transcript


@dataclass
class Job:
    """A file that is to be heard."""

    named: Named
    files: dict[str, Path]  # that are to be written, by their formats
    channels: int = 0  # to be heard each by itself; 0: mixed
    found: list[Found] = field(default_factory=list)  # so far

    @property
    def heard(self) -> Heard | AudioError | None:
        """What was heard in the whole file, or why nothing; None while something is missing."""
        if len(self.found) < max(1, self.channels):
            return None
        for one in self.found:
            if isinstance(one, AudioError):
                return one
        heard = tuple(one for one in self.found if isinstance(one, Transcript))
        return Channels(heard) if self.channels else heard[0]


class Jobs:
    """The files to be heard, in order.

    Args:
        names: a None among them says that there is none for now.
        outputs: None: nothing is written.
        each: every channel by itself.
        stdin: where the sound of standard input is.
    """

    def __init__(
        self,
        names: Iterable[Named | None],
        outputs: Outputs | None,
        *,
        each: bool = False,
        stdin: Path | None = None,
    ) -> None:
        self._names, self._outputs, self._each, self._stdin = names, outputs, each, stdin
        self._open: deque[Job] = deque()  # handed out, and not done yet
        self.done = 0  # files that were there already
        self.refused: list[AsrError] = []  # of files that nothing was tried with

    def sources(self) -> Iterator[str | Track | None]:
        """What is to be heard, one or more for each file that is not done."""
        for named in self._names:
            if named is None:
                yield None
                continue
            try:
                files = {} if self._outputs is None else self._outputs.claim(named)
            except AsrError as error:
                self.refused.append(error)
                continue
            if self._outputs is not None and not files:
                self.done += 1
                continue
            job = Job(named, files, self._channels(named))
            self._open.append(job)
            if job.channels:
                yield from (self._source(named, channel) for channel in range(1, job.channels + 1))
            else:
                yield self._source(named, None)

    def put(self, found: Found) -> Job | None:
        """What was heard in the next source; the job that is complete with it."""
        job = self._open[0]
        job.found.append(found)
        return self._open.popleft() if job.heard is not None else None

    def _channels(self, named: Named) -> int:
        if not self._each:
            return 0
        try:
            return shape_of(self._source(named, None)).channels
        except AudioError:  # who reads it finds it, too
            return 0

    def _source(self, named: Named, channel: int | None) -> str | Track:
        path = str(self._stdin) if named.path == STDIN and self._stdin else named.path
        return path if channel is None and path == named.path else Track(path, channel, named.path)
