"""The microphone, by PortAudio: blocks of sound as they are recorded, none of which is dropped by this program.

The extra `microphone` installs the Python part (sounddevice); the library is the system's.
"""

import importlib
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr.errors import AudioError, DeviceError
from asr.sound_file import Samples

BLOCK = 0.05  # seconds between two calls of PortAudio
LOOK = 0.1  # seconds between two looks whether to stop
GONE = 5.0  # seconds without any sound from a device that has stopped


@dataclass(frozen=True)
class Device:
    """What can be recorded from."""

    number: int  # as PortAudio counts
    name: str
    channels: int
    sample_rate: int  # Hz, its own
    is_default: bool


def input_devices() -> list[Device]:
    """All, in PortAudio's order.

    Raises:
        DeviceError: sounddevice or PortAudio is missing.
    """
    sounddevice = _sounddevice()
    default = sounddevice.default.device[0]
    return [
        Device(
            number,
            str(found["name"]),
            int(found["max_input_channels"]),
            round(found["default_samplerate"]),
            number == default,
        )
        for number, found in enumerate(sounddevice.query_devices())
        if found["max_input_channels"] > 0
    ]


def find_device(wanted: str) -> Device:
    """By number or a part of its name; "" is the system's choice.

    Raises:
        DeviceError: none, or not one alone; the message names those that there are.
    """
    devices = input_devices()
    if not devices:
        raise DeviceError(
            "no microphone: PortAudio finds no input device; connect one, or play a file as if it were live: "
            "asr listen FILE"
        )
    if not wanted:
        return next((device for device in devices if device.is_default), devices[0])
    found = [device for device in devices if str(device.number) == wanted]
    found = found or [device for device in devices if wanted.lower() in device.name.lower()]
    if len(found) != 1:
        known = ", ".join(f"{device.number} ({device.name})" for device in found or devices)
        how_many = "several are called so" if found else "no such input device"
        raise DeviceError(f"--microphone {wanted}: {how_many}; choose one of {known}")
    return found[0]


class Microphone:
    """What is recorded, from when it is opened.

    Attributes:
        lost: how often the system had to throw sound away before it came here.
    """

    def __init__(self, device: Device) -> None:
        self.device, self.lost = device, 0
        self._blocks: queue.SimpleQueue[Samples] = queue.SimpleQueue()
        self._stream: Any = None

    def __enter__(self) -> None:
        """
        Raises:
            DeviceError: the device cannot be opened.
        """
        sounddevice, device = _sounddevice(), self.device
        try:
            self._stream = sounddevice.InputStream(
                samplerate=device.sample_rate,
                blocksize=round(BLOCK * device.sample_rate),
                device=device.number,
                channels=1,
                dtype="float32",
                callback=self._record,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(
                f"--microphone {device.number}: {device.name} cannot be opened ({error}); is another program using it?"
            ) from None

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def blocks(self, stop: Callable[[], bool]) -> Iterator[Samples]:
        """All that has been recorded since the last one, as soon as there is something; until `stop` says so.

        What was recorded before that still comes.

        Raises:
            AudioError: the device gives nothing any more.
        """
        silent = 0.0
        while not stop():
            try:
                waiting = [self._blocks.get(timeout=LOOK)]
            except queue.Empty:
                silent += LOOK
                if silent >= GONE and not self._stream.active:
                    raise AudioError(
                        f"{self.device.name}: no sound for {GONE:g} s; was it unplugged?"
                    ) from None
                continue
            silent = 0.0
            yield self._all(waiting)
        self._stream.stop()
        if not self._blocks.empty():
            yield self._all([])

    def _all(self, waiting: list[Samples]) -> Samples:
        while not self._blocks.empty():
            waiting.append(self._blocks.get())
        return np.concatenate(waiting)

    def _record(self, samples: Any, _count: int, _when: Any, status: Any) -> None:
        """Called by PortAudio in a thread of its own; it must not wait, and the array is its own."""
        self.lost += bool(status and status.input_overflow)
        self._blocks.put(np.array(samples[:, 0], np.float32))


def _sounddevice() -> Any:
    try:
        return importlib.import_module("sounddevice")
    except ModuleNotFoundError:
        raise DeviceError(
            "the microphone: sounddevice is not installed; pip install 'attest-asr[microphone]'"
        ) from None
    except OSError as error:
        raise DeviceError(
            f"the microphone: {error}; install the system's PortAudio (Debian, Ubuntu: apt install libportaudio2)"
        ) from None
