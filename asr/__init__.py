"""Attest: speech recognition whose results can be checked.

from asr import Transcriber

print(Transcriber("runs/an4")("speech.flac").text)
print(Transcriber("runs/an4", words=True)("speech.flac").words)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.audio import Audio as Audio
    from asr.transcribe.transcriber import Part as Part
    from asr.transcribe.transcriber import Segment as Segment
    from asr.transcribe.transcriber import Transcriber as Transcriber
    from asr.transcribe.transcriber import Transcript as Transcript
    from asr.transcribe.transcriber import Word as Word

__all__ = ["Audio", "Part", "Segment", "Transcriber", "Transcript", "Word"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to load: only for those who use it.
    if name in __all__:
        from asr.transcribe import transcriber

        return getattr(transcriber, name)
    raise AttributeError(f"module 'asr' has no attribute {name!r}")
