"""PocketSphinx (extra `pocketsphinx`), by default with the English model that its package brings.

    [[systems]]
    name = "pocketsphinx"
    kind = "pocketsphinx"
    lm = "an4-train.arpa"

Its model hears 16 kHz: files of another rate are resampled. It computes with one thread, and hears each utterance as if
it were the first.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from asr.benchmark.errors import HearingError
from asr.benchmark.system import Answer, Json, SystemSpec
from asr.benchmark.systems.parts import digest_of, size_of, versions_of
from asr.errors import AudioError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EXTRA = "pocketsphinx"
RATE = 16_000  # Hz


class PocketsphinxSpec(SystemSpec):
    """Keys called as PocketSphinx calls its settings; what is not given is as it has it."""

    kind: Literal["pocketsphinx"]
    hmm: str = ""  # acoustic model, a folder; "": the package's
    lm: str = ""  # n-gram model, ARPA or binary; "": the package's
    dictionary: str = ""  # pronunciations of words (its `dict`); "": the package's, CMUdict
    lw: Annotated[float, Field(ge=0)] | None = None  # weight of the n-gram model
    wip: Annotated[float, Field(gt=0)] | None = None  # probability of a further word

    def system(self, folder: Path) -> "PocketsphinxSystem":
        return PocketsphinxSystem(self, folder)


class PocketsphinxSystem:
    """Its decoder, in this process."""

    concurrent = False
    inside = True

    def __init__(self, spec: PocketsphinxSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._decoder: Any = None

    def identity(self) -> dict[str, Json]:
        versions = versions_of(EXTRA, "pocketsphinx")
        digests = {name: digest_of(path) for name, path in self._parts().items()}
        return {"kind": self._spec.kind, "packages": versions, **digests, **self._weights()}

    def size(self) -> int | None:
        versions_of(EXTRA, "pocketsphinx")
        return sum(size_of(path) for path in self._parts().values())

    def open(self) -> None:
        versions_of(EXTRA, "pocketsphinx")
        from pocketsphinx import Decoder

        parts = self._parts()
        settings = {name: str(path) for name, path in parts.items()} | self._weights()
        try:
            self._decoder = Decoder(samprate=RATE, loglevel="ERROR", **settings)
        except RuntimeError as error:
            given = ", ".join(f"{name} = {path}" for name, path in parts.items())
            raise HearingError(
                f"pocketsphinx does not start with {given} ({error}); its log says why"
            ) from None
        if self._spec.lm:
            _check_words(self._decoder, parts["lm"])

    def hear(self, path: Path) -> Answer:
        if self._decoder is None:
            raise ValueError("hear comes after open")
        begun = time.perf_counter()
        sound = _sound(path).tobytes()
        # Else an utterance begins with the mean spectrum of those before it, and its text depends on their order: also
        # of whole utterances at once, and also after set_cmn().
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return Answer(found.hypstr if found else "", time.perf_counter() - begun)

    def close(self) -> None:
        self._decoder = None

    def _weights(self) -> dict[str, float]:
        given = {"lw": self._spec.lw, "wip": self._spec.wip}
        return {name: value for name, value in given.items() if value is not None}

    def _parts(self) -> dict[str, Path]:
        """Acoustic model, n-gram model and pronunciations, by the names of PocketSphinx's settings."""
        from pocketsphinx import get_model_path

        spec, brought = self._spec, Path(get_model_path("en-us"))
        found = {}
        for setting, given, theirs in (
            ("hmm", spec.hmm, "en-us"),
            ("lm", spec.lm, "en-us.lm.bin"),
            ("dict", spec.dictionary, "cmudict-en-us.dict"),
        ):
            found[setting] = self._folder / Path(given).expanduser() if given else brought / theirs
            if not found[setting].exists():
                raise HearingError(f"{setting} = {found[setting]}: there is no such file; check the path")
        return found


def _sound(path: Path) -> "npt.NDArray[np.int16]":
    """(samples,) at `RATE`."""
    import numpy as np

    from asr.audio import read_audio

    try:
        samples = np.rint(read_audio(path, sample_rate=RATE).samples * 32768)
    except AudioError as error:
        raise HearingError(str(error)) from None
    return np.clip(samples, -32768, 32767).astype("<i2")


def _check_words(decoder: Any, lm: Path) -> None:
    """PocketSphinx passes over words of an n-gram model that have no pronunciation; without any it finds nothing.

    Raises:
        HearingError: that is so of each word, as where one side is written in capitals.
    """
    words = _words_of(lm)
    if words and not any(decoder.lookup_word(word) for word in words):
        raise HearingError(
            f"lm = {lm}: none of its {len(words)} words has a pronunciation in the dictionary, {words[0]!r} for "
            "example; the package's writes words in small letters"
        )


def _words_of(lm: Path) -> list[str]:
    """Of an ARPA file; none of a binary one, which cannot be looked into."""
    from asr.lm.text import open_text

    words: list[str] = []
    with open_text(lm) as lines:
        if b"\0" in lines.readline(1000):
            return []
        within = False
        for line in lines:
            if line.startswith(b"\\"):
                if within:
                    break
                within = line.strip() == b"\\1-grams:"
            elif within and len(fields := line.split()) > 1:
                words.append(fields[1].decode(errors="replace"))
    return [word for word in words if word[:1] != "<"]
