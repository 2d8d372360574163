"""Transcripts as answers: OpenAI's JSON with ours beside it, and the formats that `asr transcribe` writes."""

import json
import math
import zlib
from typing import Any

from starlette.responses import Response

from asr.serve.refusal import json_response
from asr.serve.wishes import Wishes
from asr.transcribe.files.formats import FORMATS, LANGUAGE, word_json
from asr.transcribe.transcript import Part, Segment, Transcript, Word

LEAST = 1e-6  # of a confidence, before its logarithm is taken


def answer(name: str, transcript: Transcript, wishes: Wishes) -> Response:
    """The whole answer.

    Args:
        name: of the file, as formats that name it have it.
    """
    if wishes.format == "json":
        return json_response(_json(transcript, wishes))
    if wishes.format == "verbose_json":
        return json_response(verbose(transcript, wishes))
    form = FORMATS["txt" if wishes.format == "text" else wishes.format]
    body = form.write(name, transcript).encode("utf-8", "backslashreplace")
    return Response(body, media_type=form.media_type)


def verbose(transcript: Transcript, wishes: Wishes) -> dict[str, Any]:
    """What Whisper's JSON says, and the confidence of segments and words."""
    tree: dict[str, Any] = {
        "task": "transcribe",
        "language": wishes.language or LANGUAGE,
        "duration": round(transcript.seconds, 3),
        "text": transcript.text,
        "usage": _usage(transcript),
    }
    if wishes.segments:
        tree["segments"] = [_segment(number, segment) for number, segment in enumerate(transcript.segments)]
    if wishes.words:
        tree["words"] = [word_json(word) for word in transcript.words]
    return tree


def delta(part: Part, first: bool, wishes: Wishes) -> dict[str, Any]:
    """The event of a part; all deltas joined are the text."""
    event: dict[str, Any] = {
        "type": "transcript.text.delta",
        "delta": part.text if first else f" {part.text}",
        "start": round(part.start, 3),
        "end": round(part.end, 3),
    }
    if wishes.words:
        event["words"] = [word_json(word) for word in part.words]
    if wishes.logprobs:
        event["logprobs"] = logprobs(part.words)
    return event


def progress(seconds: float) -> dict[str, Any]:
    """The event of what has been heard so far."""
    return {"type": "transcript.progress", "seconds": round(seconds, 3), "duration": None}


def done(transcript: Transcript, wishes: Wishes) -> dict[str, Any]:
    """The last event."""
    tree = verbose(transcript, wishes) if wishes.format == "verbose_json" else _json(transcript, wishes)
    return {"type": "transcript.text.done", **tree}


def event(tree: object) -> bytes:
    """As server-sent events have it."""
    text = json.dumps(tree, ensure_ascii=False, allow_nan=False)
    return b"data: " + text.encode("utf-8", "backslashreplace") + b"\n\n"


def _json(transcript: Transcript, wishes: Wishes) -> dict[str, Any]:
    tree: dict[str, Any] = {"text": transcript.text, "usage": _usage(transcript)}
    if wishes.logprobs:
        tree["logprobs"] = logprobs(transcript.words)
    return tree


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": round(transcript.seconds, 3)}


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    """With what Whisper has beside it, where there is such a thing: see docs/server.md."""
    text = segment.text.encode("utf-8", "replace")
    sure = [math.log(max(word.confidence, LEAST)) for word in segment.words if word.confidence is not None]
    return {
        "id": number,
        "seek": 0,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(sure) / len(sure), 4) if sure else 0.0,
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 4),
        "no_speech_prob": 0.0,
        "confidence": None if segment.confidence is None else round(segment.confidence, 4),
    }


def logprobs(words: tuple[Word, ...]) -> list[dict[str, Any]]:
    """Of words: the logarithm of their confidence."""
    found = []
    for place, word in enumerate(words):
        text = word.word if place == 0 else f" {word.word}"
        sure = None if word.confidence is None else round(math.log(max(word.confidence, LEAST)), 5)
        found.append({"token": text, "bytes": list(text.encode("utf-8", "replace")), "logprob": sure})
    return found
