"""The models of a server, each with the name by which requests ask for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from asr.errors import AsrError, BundleError
from asr.model.description import read_bundle_description
from asr.model.named import find_model
from asr.safety.opened import opened_model
from asr.serve.refusal import RefusedError
from asr.transcribe.transcriber import Transcriber
from asr.transcribe.transcript import NO_CONFIDENCE, POSTERIOR, Asked


@dataclass(frozen=True, eq=False)
class Hearing:
    """One way in which a model hears: what can be computed together is of one."""

    model: str  # its name
    transcriber: Transcriber

    @property
    def batched(self) -> bool:
        """Whether several pieces at once are quicker than one after the other."""
        return self.transcriber.batched


class Served:
    """One model.

    Attributes:
        id: what requests call it.
        created: seconds since 1970, when its files were written.
        sure: with the confidence of words, which depends on the last bits, so that nothing is computed together.
        quick: without; the same text and times. One with `sure` where that has no confidence either.
    """

    def __init__(
        self,
        name: str,
        sure: Transcriber,
        created: int,
        *,
        quick: Transcriber | None = None,
        known_by: Mapping[str, str] | None = None,
    ) -> None:
        self.id, self.created, self._known_by = name, created, dict(known_by or {})
        self.sure = Hearing(name, sure)
        self.quick = self.sure if quick is None else Hearing(name, quick)

    @property
    def description(self) -> dict[str, Any]:
        """As OpenAI's API has it, the rate that the model hears, and what it is known by."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": "attest",
            "sample_rate": self.sure.transcriber.sample_rate,
            **self._known_by,
        }


class Models(Mapping[str, Served]):
    """All models of a server, in the order in which they were named."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = {model.id: model for model in served}

    def __getitem__(self, name: str) -> Served:
        return self._served[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._served)

    def __len__(self) -> int:
        return len(self._served)

    def asked_for(self, name: str | None) -> Served:
        """The model of a request; where there is one alone, it need not be named.

        Raises:
            RefusedError: there is none of this name (404), or none was named where there are several (400).
        """
        if not name:
            if len(self) == 1:
                return next(iter(self.values()))
            known = ", ".join(self)
            raise RefusedError(
                400, f"no model named; this server has {known}", "model_missing", param="model"
            )
        if name not in self:
            shown = "".join(char for char in name if char.isprintable())[:100]
            message = f"the model {shown!r} does not exist here; this server has {', '.join(self)}"
            raise RefusedError(404, message, "model_not_found", param="model")
        return self[name]


def load_models(
    wanted: Sequence[str],
    *,
    device: str = "auto",
    decoder: Literal["greedy", "beam"] | None = None,
    confidence: str = "",
    engine: Asked = "auto",
    require_signature: Sequence[str | Path] | None = None,
) -> Models:
    """Loads what the command line names: runs, bundles, names of models, each with NAME= before it if it is to be
    called otherwise than its folder.

    Args:
        confidence: of words, as `Transcriber` has it; "": what the bundle carries, else posterior.
        engine, require_signature: as `Transcriber` has them.

    Raises:
        AsrError: two models with one name, or a name that cannot be one.
        BundleError: no model there, or it is damaged.
        SignatureError: one is not signed as is required.
    """
    named = [_named(text) for text in wanted]
    names = [name for name, _ in named]
    for name in names:
        if names.count(name) > 1:
            raise AsrError(f"two models are called {name}; name one of them: OTHER_NAME={dict(named)[name]}")
    served = []
    for name, model in named:
        with opened_model(model, require_signature) as folder:
            asked = confidence or ("" if read_bundle_description(folder).confidence else POSTERIOR)
            sure = Transcriber(
                folder, device=device, words=True, decoder=decoder, confidence=asked, engine=engine
            )
        quick = None if asked == NO_CONFIDENCE else sure.without_confidence()
        created = int((find_model(model) / "model.json").stat().st_mtime)
        described = sure.bundle.description
        known_by = {
            "weights": described.weights,
            "search": "" if decoder == "greedy" else described.decoder,
            "engine": sure.engine,
            "version": version("attest-asr"),
        }
        served.append(Served(name, sure, created, quick=quick, known_by=known_by))
    return Models(served)


def _named(text: str) -> tuple[str, str]:
    """Name and place: `whisper-1=runs/an4`, or a place that gives the name."""
    name, sign, place = text.partition("=")
    if sign and place and not Path(text).exists():
        if not name or not name.isprintable() or "/" in name:
            raise AsrError(f"{text}: a model cannot be called {name!r}; expected NAME=RUN_OR_BUNDLE")
        return name, place
    folder = Path(text).resolve()
    own = folder.parent.name if folder.name == "model" and folder.parent.name else folder.name
    if not own:
        raise BundleError(f"{text}: no name for this model; give it one: NAME={text}")
    return own, text
