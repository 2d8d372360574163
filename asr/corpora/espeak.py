"""Speech from eSpeak NG, which is GPL-3.0 and therefore runs in a process of its own.

`Synthesiser` is our side: it starts `python -m asr.corpora.espeak`, sends it one JSON line a request and gets
one JSON line back; the speech comes as a WAV file. `main` is the other side, the only place where the library
(from the optional package `espeakng-loader`) is loaded.

The library remembers things from one utterance to the next, so the same request in another order sounds
different by a few samples. Hence: initialise once, fork a child for every utterance, seed its random numbers
before anything else, and speak synchronously. Then equal requests give equal samples in every process.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import wave
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from asr.errors import CorpusError

# Values of eSpeak NG's speak_lib.h.
SYNCHRONOUS = 2  # output mode: samples go to the callback, and Synth returns when all are made
PHONEME_EVENTS = 1  # tell where each phoneme begins, too
DO_NOT_EXIT = 0x8000  # report missing voice files instead of ending the process
UTF8 = 1
FROM_CHARACTER = 1
RATE, PITCH, RANGE, WORD_GAP = 1, 3, 4, 7
NO_MORE_EVENTS, WORD, PHONEME = 0, 1, 7


@dataclass(frozen=True)
class Speech:
    """What is to be said, and how."""

    text: str
    voice: str  # a language of eSpeak, or LANGUAGE+VARIANT: en-us, en-gb-scotland+f3
    rate: int = 175  # words a minute, 80 to 450
    pitch: int = 50  # 0 to 99
    pitch_range: int = 50  # 0 is monotone, to 99
    word_gap: int = 0  # pause between words, in units of 10 ms at the normal rate
    seed: int = 1  # of the voice's own irregularity, 31 bits


@dataclass(frozen=True)
class Event:
    """Something that begins in the speech, as eSpeak NG tells while it makes it."""

    kind: str  # "word" or "phoneme"
    sample: int
    character: int  # of the text, 0 the first: where the word stands; that of its word, of a phoneme
    name: str  # of a phoneme in eSpeak's alphabet: "_" and what begins with it is a pause


class Synthesiser:
    """An eSpeak NG process, to be used in a `with` statement and from one thread at a time.

    Raises:
        CorpusError: the optional package is not installed, or the library cannot be loaded.
    """

    version: str  # of eSpeak NG
    sample_rate: int  # Hz, of every WAV file it writes

    def __init__(self, *, events: bool = False) -> None:
        """
        Args:
            events: whether `say` tells where words and phonemes begin.
        """
        if find_spec("espeakng_loader") is None:
            raise CorpusError(
                "synthetic speech needs eSpeak NG, which is not installed; in the source tree, pip install -e '.[demo]'"
            )
        # A session of its own: Ctrl-C reaches us only, and the end of its input ends it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asr.corpora.espeak", *(["--events"] if events else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            greeting = self._answer("the start")
        except BaseException:
            self.close()
            raise
        self.version, self.sample_rate = greeting["version"], greeting["sample_rate"]

    def say(self, speech: Speech, path: Path) -> list[Event]:
        """Writes `speech` to `path` as a WAV file: mono, 16 bits, `sample_rate` Hz.

        Returns:
            What begins where, in the order of the speech, if that was asked for.

        Raises:
            CorpusError: eSpeak NG refuses the voice, a setting or the text; the message says which.
        """
        request = json.dumps({**asdict(speech), "path": str(path)}) + "\n"
        with contextlib.suppress(BrokenPipeError):  # then the answer is missing too, and that is reported
            assert self._process.stdin is not None
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()
        answer = self._answer(f"{speech.text!r} in voice {speech.voice}")
        return [Event(*event) for event in answer.get("events", ())]

    def close(self) -> None:
        """Ends the process. Asking twice does no harm."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, what: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CorpusError(f"eSpeak NG ended at {what} (exit status {self._process.wait()})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CorpusError(f"eSpeak NG, {what}: {answer['error']}")
        return answer


class _RefusedError(Exception):
    """The library would not do something; the message says what, and its code."""


class _Event(ctypes.Structure):
    """espeak_EVENT."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("position", ctypes.c_int),  # characters, the first being 1
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


class _Library:
    """eSpeak NG by ctypes. Every return code is checked."""

    def __init__(self, events: bool = False) -> None:
        import espeakng_loader

        self._voices = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
        self._calls = ctypes.CDLL(espeakng_loader.get_library_path())
        self._calls.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        self._calls.espeak_Info.restype = ctypes.c_char_p
        self._calls.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        data = str(espeakng_loader.get_data_path()).encode()
        wanted = DO_NOT_EXIT | (PHONEME_EVENTS if events else 0)
        self.sample_rate = int(self._calls.espeak_Initialize(SYNCHRONOUS, 0, data, wanted))
        if self.sample_rate <= 0:
            raise _RefusedError(f"cannot start with the voice files in {data.decode()} ({self.sample_rate})")
        self.version = self._calls.espeak_Info(None).decode()
        self._pcm = bytearray()
        self.events: list[tuple[str, int, int, str]] | None = [] if events else None
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._callback = callback(self._take)  # kept: the library holds only its address
        self._calls.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: int | None, count: int, events: int | None) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, 2 * count)
        if events and self.events is not None:
            self._note(ctypes.cast(events, ctypes.POINTER(_Event)), self.events)
        return 0  # go on

    def _note(self, events: Any, noted: list[tuple[str, int, int, str]]) -> None:
        number = 0
        while (event := events[number]).type != NO_MORE_EVENTS:
            number += 1
            if event.type == WORD:
                noted.append(("word", event.sample, event.position - 1, ""))
            elif event.type == PHONEME:
                name = event.name.decode(errors="replace")
                noted.append(("phoneme", event.sample, event.position - 1, name))

    def speak(self, request: dict[str, Any]) -> bytes:
        """Native 16-bit samples. To be called once in a process."""
        voice, calls = request["voice"], self._calls
        # An unknown variant is no error to the library: it speaks in the plain voice instead.
        _, plus, variant = voice.partition("+")
        if plus and not (self._voices / variant).is_file():
            raise _RefusedError(f"it has no voice variant {variant!r}")
        _check("the seed", calls.espeak_ng_SetRandSeed(request["seed"]))
        _check(f"voice {voice!r}", calls.espeak_SetVoiceByName(voice.encode()))
        for name, parameter in (
            ("rate", RATE), ("pitch", PITCH), ("pitch_range", RANGE), ("word_gap", WORD_GAP),
        ):  # fmt: skip
            _check(f"{name} {request[name]}", calls.espeak_SetParameter(parameter, request[name], 0))
        text = request["text"].encode() + b"\0"
        _check("the text", calls.espeak_Synth(text, len(text), 0, FROM_CHARACTER, 0, UTF8, None, None))
        _check("the end", calls.espeak_Synchronize())
        if not any(self._pcm):
            raise _RefusedError("it made no sound of the text")
        return bytes(self._pcm)


def _check(what: str, code: int) -> None:
    meaning = {-1: "internal error", 1: "buffer full", 2: "not found"}
    if code != 0:
        raise _RefusedError(f"{what}: {meaning.get(code, 'error')} (code {code})")


def _speak_in_child(library: _Library, request: dict[str, Any]) -> dict[str, Any]:
    """Forks; the child writes the file and ends. Its answer, or what became of it."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        answer: dict[str, Any] = {}
        try:
            pcm = library.speak(request)
            write_wav(Path(request["path"]), pcm, library.sample_rate)
            answer = {"samples": len(pcm) // 2}
            if library.events is not None:
                answer["events"] = library.events
        except (_RefusedError, OSError) as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - a bug; it is raised on our side
            answer = {"error": repr(error)}
        finally:  # whatever happens, a child must not return into the loop of `main`
            os.write(write_end, json.dumps(answer).encode())
            os._exit(0 if answer else 1)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer = json.loads(pipe.read() or b"{}")
    _, status = os.waitpid(child, 0)
    return answer or {"error": f"the child that spoke ended with status {os.waitstatus_to_exitcode(status)}"}


def write_wav(path: Path, pcm: bytes, sample_rate: int) -> None:
    """Mono, from native 16-bit samples."""
    with path.open("wb") as stream, wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(pcm)


def main() -> None:
    """The process of its own: requests on standard input, answers on standard output, until input ends."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        library = _Library(events="--events" in sys.argv[1:])
    except (_RefusedError, ImportError, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"version": library.version, "sample_rate": library.sample_rate}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_speak_in_child(library, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
