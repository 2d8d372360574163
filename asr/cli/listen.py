"""`asr listen`: transcribes speech while it is spoken.

Listens to the microphone, or to a file that is played as if it were live, or to raw 16-bit mono samples on standard
input: `arecord -t raw -f S16_LE -r 16000 | asr listen - --model RUN`. What was said so far is shown at once and may
change; after a pause it is final and stays. Ctrl-C finishes what was said, and ends.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from asr import numerics
from asr.cli.arguments import add_device, positive
from asr.cli.ctc_alone import say_if_ctc_alone
from asr.cli.key_options import add_require_signature

if TYPE_CHECKING:
    from asr.sound_file import Samples
    from asr.transcribe.live.live import Live

NAME = "listen"
STDIN = "-"


class Source(AbstractContextManager[None], Protocol):
    """What is listened to, once it is entered."""

    lost: int  # how often sound was thrown away before it came here

    def blocks(self, stop: Callable[[], bool]) -> "Iterator[Samples]": ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        help="a sound file to play; - is raw samples on standard input; without it, the microphone",
    )
    parser.add_argument(
        "--model", metavar="MODEL", help="a run, a bundle or the name of a model (asr models)"
    )
    add_require_signature(parser)
    parser.add_argument(
        "--json", action="store_true", help="a line of JSON for each update, with times of words"
    )
    parser.add_argument("--list-devices", action="store_true", help="show what can be recorded from, and end")
    parser.add_argument(
        "--microphone",
        default="",
        metavar="DEVICE",
        help="its number, or a part of its name (the system's choice)",
    )
    parser.add_argument(
        "--rate", type=positive, default=16_000, metavar="HZ", help="of the samples on standard input (16000)"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="of the file; 0: as fast as it can be heard (1)",
    )
    parser.add_argument(
        "--pause",
        type=_seconds,
        default=0.4,
        metavar="SECONDS",
        help="without speech, that end an utterance (0.4)",
    )
    parser.add_argument(
        "--voice",
        choices=("silero", "energy"),
        default="silero",
        help="what tells speech from pauses: a network (extra vad), or whatever is louder than the room",
    )
    add_device(parser)


def call(options: argparse.Namespace) -> int:
    from asr.errors import AsrError

    if options.list_devices:
        return _list_devices()
    if options.model is None:
        raise AsrError("asr listen needs --model: a run, a bundle or the name of a model")
    numerics.pin()
    from asr.cli.live_lines import JsonLines, TextLines
    from asr.cli.stopping import StopOnSignal

    source, rate, name = _source(options)
    live = _live(options, rate)
    stop = StopOnSignal(quiet=True)
    lines = JsonLines() if options.json else TextLines()
    with source, stop:
        print(
            f"listening to {name}, {rate} Hz; final {live.delay.final:.1f} s after speech ends; Ctrl-C ends",
            file=sys.stderr,
            flush=True,
        )
        try:
            try:
                for samples in source.blocks(stop.is_asked):
                    lines.show(live.feed(samples))
            except AsrError:  # the source broke: what was said until then was said
                lines.show(live.finish())
                raise
            lines.show(live.finish())
        finally:
            lines.close()
            if source.lost:
                print(
                    f"asr: the system lost sound {source.lost} times; is the machine too busy?",
                    file=sys.stderr,
                )
    return 0


def _live(options: argparse.Namespace, rate: int) -> "Live":
    from asr.errors import AsrError
    from asr.transcribe.live.live import Live
    from asr.transcribe.transcriber import Transcriber

    transcriber = Transcriber(
        options.model,
        device=options.device,
        words=options.json,
        require_signature=options.require_signature,
    )
    say_if_ctc_alone(options.model, device=options.device)
    try:
        return Live(transcriber, sample_rate=rate, voice=options.voice, pause=options.pause)
    except ValueError as error:
        raise AsrError(str(error)) from None


def _source(options: argparse.Namespace) -> tuple[Source, int, str]:
    """What is listened to, its rate in Hz, and what it is called."""
    from asr.errors import AsrError

    if options.file is None:
        from asr.transcribe.live.microphone import Microphone, find_device

        device = find_device(options.microphone)
        return Microphone(device), device.sample_rate, device.name
    from asr.transcribe.live.source import Piped, Played

    if options.file == STDIN:
        if sys.stdin is None:
            raise AsrError("standard input: it is closed; give a sound file, or pipe raw samples to it")
        return Piped(sys.stdin.fileno(), options.rate), options.rate, "standard input"
    played = Played(options.file, options.speed)
    return played, played.sample_rate, options.file


def _list_devices() -> int:
    from asr.errors import DeviceError
    from asr.transcribe.live.microphone import input_devices

    devices = input_devices()
    if not devices:
        raise DeviceError("no microphone: PortAudio finds no input device")
    for device in devices:
        default = ", default" if device.is_default else ""
        print(f"{device.number}\t{device.name} ({device.channels} in, {device.sample_rate} Hz{default})")
    return 0


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text!r}") from None


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number, 0 or more, got {text!r}")
    return speed
