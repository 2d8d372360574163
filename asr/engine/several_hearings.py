"""An engine that hears each waveform several times, as a model's search may want it (asr.model.hearings)."""

from collections.abc import Sequence

from asr.engine.engine import Engine
from asr.model.description import Description
from asr.model.hearings import Hearings
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs


class SeveralHearings:
    """See asr.engine.engine.Engine. The hearings of a waveform are computed together, and nothing else with them."""

    batched = False

    def __init__(self, engine: Engine, hearings: Hearings) -> None:
        self._engine, self._hearings = engine, hearings
        self.name, self.device = engine.name, engine.device

    def __call__(self, waveforms: Sequence[Samples]) -> list[LogProbs]:
        return [self._hearings(waveform, self._engine) for waveform in waveforms]


def hearing_often(engine: Engine, count: int, described: Description) -> Engine:
    """So often, by the model that is described; the engine itself where it is to hear once."""
    if count == 1:
        return engine
    return SeveralHearings(engine, Hearings.of(count, described.front_end, described.model))
