"""What can go wrong with a benchmark that a user can mend."""

from asr.errors import AsrError


class BenchmarkError(AsrError):
    """A benchmark's file, record or folder cannot be used; names the file and the key."""


class HearingError(AsrError):
    """A system cannot be started, or has no answer for an utterance. The message is shown in the table's notes."""
