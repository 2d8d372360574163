"""The corpus that several runs share: the same development part and the same test part, in the folder of the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asr.errors import RunError
from asr.evaluation.matrix import SpokenPart
from asr.manifest import read_manifest
from asr.runs.folder import RunFolder
from asr.runs.record import CorpusUsed, Record, read_record
from asr.scoring import Unit
from asr.text import TextVersion


@dataclass(frozen=True)
class SharedCorpus:
    """Of complete runs."""

    folder: Path  # of the first
    record: Record  # likewise
    corpus: CorpusUsed  # likewise

    @classmethod
    def of(cls, models: Sequence[str]) -> "SharedCorpus | None":
        """None where not all are folders of complete runs, or their parts are not the same.

        Development data of one that another learned from would choose the other: so nothing is shared then.
        """
        found = []
        for each in models:
            try:
                record = read_record(Path(each))
            except RunError:
                return None
            if not Path(each).is_dir() or record.status != "complete" or record.corpus is None:
                return None
            found.append(cls(Path(each), record, record.corpus))
        alike = len({(each.identity("dev"), each.identity("test")) for each in found}) == 1
        return found[0] if alike else None

    @property
    def text(self) -> TextVersion:
        """Version of the normaliser."""
        return self.record.recipe.text

    @property
    def unit(self) -> Unit:
        """Of errors."""
        return self.record.recipe.score.unit

    def identity(self, part: str) -> str:
        """Digest of the decoded audio, texts and speakers of a part."""
        return self.corpus.splits[part].digest

    def spoken(self, part: Literal["dev", "test"]) -> SpokenPart:
        """
        Raises:
            ManifestError: the run's list of it is not there.
        """
        utterances = list(read_manifest(RunFolder(self.folder).manifest(part)))
        about = {"source": self.corpus.source, "part": part, "lock": self.corpus.lock}
        return SpokenPart(f"{self.corpus.name} {part}", utterances, self.identity(part), about)
