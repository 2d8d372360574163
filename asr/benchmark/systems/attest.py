"""A model of ours: a run, a bundle or the name of one, as `asr transcribe` hears with it.

    [[systems]]
    name = "ours"
    kind = "attest"
    model = "../runs/an4-s1-0123abcd"

One utterance is computed by one thread, on any number of cores: docs/architecture.md says why.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from asr.benchmark.errors import HearingError
from asr.benchmark.system import Answer, Json, SystemSpec
from asr.benchmark.systems.parts import digest_of, size_of, versions_here
from asr.errors import AsrError, BundleError

if TYPE_CHECKING:
    from asr.transcribe.transcriber import Transcriber

_COMPUTING = ("attest-asr", "torch", "numpy", "soxr", "soundfile", "sentencepiece")
_SEARCHING = ("ufal-flashlight-text", "ufal-kenlm")  # where they are there, a search may be done by them
_PAUSES = ("silero-vad", "onnxruntime")  # likewise pauses found by them


class AttestSpec(SystemSpec):
    """Keys as the options of `asr transcribe`."""

    kind: Literal["attest"]
    model: Annotated[str, Field(min_length=1)]  # a run folder, a bundle, or the name of a model
    decoder: Literal["greedy", "beam"] | None = None  # None: the search that the model carries, else greedy
    segmentation: Literal["auto", "pauses", "windows"] = "auto"  # of utterances that are longer than a minute
    engine: Literal["auto", "torch", "onnx"] = "auto"  # auto: its ONNX file, if it has one, else torch
    device: str = "cpu"  # auto, cpu, cuda or cuda:N

    def system(self, folder: Path) -> "AttestSystem":
        return AttestSystem(self, folder)


class AttestSystem:
    """Our own recogniser, in this process."""

    concurrent = False
    inside = True

    def __init__(
        self, spec: AttestSpec, folder: Path, word_confidence: Literal["none", "posterior", "bundle"] = "none"
    ) -> None:
        """
        Args:
            word_confidence: with which words are answered, for a vote: none at all, the model's own probabilities, or
                by the estimator that it carries.
        """
        self.spec, self._folder, self._confidence = spec, folder, word_confidence
        self.transcriber: Transcriber | None = None  # from `open` to `close`

    def identity(self) -> dict[str, Json]:
        from asr.engine.engine import choose
        from asr.model.described import read_described
        from asr.runs.environment import code_digest

        spec, bundle = self.spec, self.bundle
        try:
            described = read_described(bundle)
            engine = choose(bundle, described, spec.engine, spec.device)
        except AsrError as error:
            raise HearingError(str(error)) from None
        description = described.description
        decoder = spec.decoder or ("beam" if description.decoder else "greedy")
        return {
            "kind": spec.kind,
            "model": description.name,
            "weights": description.weights,
            "description": digest_of(bundle / "model.json"),
            "decoder": decoder,
            "search": description.decoder if decoder == "beam" else "",
            "segmentation": spec.segmentation,
            "engine": engine,
            "device": spec.device,
            "code": code_digest(),
            "packages": versions_here(*_COMPUTING, *_SEARCHING, *_PAUSES),
        }

    def size(self) -> int | None:
        return size_of(self.bundle)

    def open(self) -> None:
        from asr import numerics

        numerics.pin()
        from asr.transcribe.transcriber import Transcriber

        spec = self.spec
        try:
            self.transcriber = Transcriber(
                self.bundle,
                device=spec.device,
                decoder=spec.decoder,
                segmentation=spec.segmentation,
                engine=spec.engine,
                words=self._confidence != "none",
                confidence="posterior" if self._confidence == "posterior" else None,
            )
        except AsrError as error:
            raise HearingError(str(error)) from None
        numerics.warm_up()

    def hear(self, path: Path) -> Answer:
        if self.transcriber is None:
            raise ValueError("hear comes after open")
        begun = time.perf_counter()
        try:
            heard = self.transcriber(path)
        except AsrError as error:
            raise HearingError(str(error)) from None
        seconds = time.perf_counter() - begun
        return Answer(heard.text, seconds, tuple((word.word, word.confidence) for word in heard.words))

    def close(self) -> None:
        self.transcriber = None

    @property
    def bundle(self) -> Path:
        """By its path from the benchmark's folder, else by its name in the folder of models."""
        from asr.model.named import bundle_in, find_model, is_name, models_folder

        model = self.spec.model
        beside = self._folder / Path(model).expanduser()
        named = bundle_in(models_folder() / model) if is_name(model) else None
        try:
            return bundle_in(beside) or named or find_model(beside)
        except BundleError as error:
            raise HearingError(str(error)) from None
