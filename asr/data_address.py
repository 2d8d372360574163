"""Contents as addresses, for pages that need no other file: `data:audio/mpeg;base64,...` (RFC 2397)."""

import base64
import io

import numpy as np

from asr.audio import Audio, resample

RATE = 16_000  # Hz of what can be heard
QUALITY = 0.6  # of MP3: 0 is the best, 1 the smallest


def data_address(kind: str, content: bytes) -> str:
    """An address that is the content itself; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def playable(audio: Audio) -> str:
    """The audio as an address: MP3, about 4 kB a second, or WAV for a rate that MP3 does not have."""
    import soundfile

    rate = min(RATE, audio.sample_rate)
    samples = np.clip(resample(audio.samples, audio.sample_rate, rate), -1, 1)
    stream = io.BytesIO()
    try:
        soundfile.write(
            stream, samples, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=QUALITY
        )
    except (soundfile.LibsndfileError, ValueError):
        stream = io.BytesIO()
        soundfile.write(stream, samples, rate, format="WAV", subtype="PCM_16")
        return data_address("audio/wav", stream.getvalue())
    return data_address("audio/mpeg", stream.getvalue())
