"""What comes of running a record again."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asr.claims.causes import Cause
from asr.claims.given import Given
from asr.claims.verdict import Verdict
from asr.runs.record import Record


@dataclass(frozen=True)
class Reproduction:
    """A record, and what came out when it was run again."""

    given: Given
    folder: Path  # of the new run
    record: Record  # of the new run
    verdict: Verdict
    causes: list[Cause]
    other_transcripts: list[str]  # test utterances with another text
    other_search_transcripts: list[str]  # likewise, of the searches where both have one
    changes: tuple[str, ...]  # of the recipe, made on purpose
    computed: int  # steps of the training that this call has computed; the others were there

    def to_json(self) -> dict[str, Any]:
        return {
            "record": self.given.path.name,
            "recipe": self.given.record.recipe.name,
            "seed": self.given.record.recipe.seed,
            "changes": list(self.changes),
            "computed_steps": self.computed,
            "verdict": self.verdict.to_json(),
            "causes": [asdict(cause) for cause in self.causes],
            "other_transcripts": self.other_transcripts,
            "other_search_transcripts": self.other_search_transcripts,
        }
