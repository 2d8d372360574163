"""What can go wrong with a study that a user can mend."""

from asr.errors import AsrError


class TuningError(AsrError):
    """A study's table, folder or record cannot be used; names the file and the key."""
