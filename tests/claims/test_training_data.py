"""Which training utterances two runs do not share: named where anything at hand knows the identity of each."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import by_hand
import pytest
from history import digest

from asr.claims import training_data
from asr.claims.training_data import name_differing
from asr.corpora.lock import PREFIX, SplitLock, write_locks
from asr.manifest import Utterance, identity, write_manifest
from asr.runs.folder import RunFolder
from asr.runs.record import Record, read_record

Parts = Mapping[str, Sequence[Utterance]]
RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
UNKNOWN = "which utterances is not known: a record by itself has one digest for all of them"


def utterance(name: str, content: str = "") -> Utterance:
    return Utterance(name, f"/{name}.wav", 1.0, "YES", digest=digest(content or name))


PARTS: Parts = {
    "train": [utterance(f"t{number}") for number in range(14)],
    "dev": [utterance(f"d{number}") for number in range(3)],
    "test": [utterance(f"x{number}") for number in range(3)],
}


def record_of(parts: Parts) -> Record:
    """Of a run on these parts; development data were cut out of the corpus's training part."""
    own = {"train": [*parts["train"], *parts["dev"]], "test": parts["test"]}
    used = by_hand.corpus().model_copy(
        update={"identity": {name: identity(u.digest for u in items) for name, items in own.items()}}
    )
    return by_hand.record(corpus=used)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Parts], tuple[Record, RunFolder]]:
    """Makes a run folder with the manifests of these parts."""
    made = [0]

    def run(parts: Parts) -> tuple[Record, RunFolder]:
        made[0] += 1
        folder = RunFolder(tmp_path / f"run{made[0]}")
        for name, items in parts.items():
            folder.manifest(name).parent.mkdir(parents=True, exist_ok=True)
            write_manifest(folder.manifest(name), items)
        return record_of(parts), folder

    return run


Make = Callable[[Parts], tuple[Record, RunFolder]]


def changed(parts: Parts, name: str, *items: Utterance, without: Sequence[str] = ()) -> Parts:
    """Other utterances in place of those of the same id, new ones at the end, and some gone."""
    others = {item.id: item for item in items}
    kept = [others.pop(item.id, item) for item in parts[name] if item.id not in without]
    return {**parts, name: [*kept, *others.values()]}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (changed(PARTS, "train", utterance("t3", "one sample")), "changed in train: t3"),
        (
            changed(PARTS, "dev", utterance("d1", "one sample")),
            "changed in train: d1",
        ),  # of the corpus's own part
        (changed(PARTS, "test", utterance("x0", "one sample")), "changed in test: x0"),
        (changed(PARTS, "train", without=["t5", "t9"]), "missing in train: t5, t9"),
        (changed(PARTS, "train", utterance("t99")), "new in train: t99"),
        (
            changed(
                changed(PARTS, "train", utterance("t3", "a"), utterance("t99"), without=["t0"]),
                "test",
                without=["x1"],
            ),
            "missing in test: x1; changed in train: t3; missing in train: t0; new in train: t99",
        ),
        (
            changed(changed(PARTS, "train", without=["t7"]), "test", utterance("t7")),
            "moved to test: t7",
        ),
        # Twelve are changed: ten names are enough.
        (
            changed(PARTS, "train", *(utterance(f"t{number}", f"other {number}") for number in range(12))),
            "changed in train: t0, t1, t10, t11, t2, t3, t4, t5, t6, t7 and 2 more",
        ),
    ],
)
def test_who_differs_by_the_manifests_of_both(run: Make, second: Parts, words: str) -> None:
    (first, folder), (other, other_folder) = run(PARTS), run(second)
    assert name_differing(first, folder, other, other_folder) == words


def test_nothing_differs(run: Make) -> None:
    """Other names, another order and other development data are the same corpus."""
    first, folder = run(PARTS)
    renamed = {name: [replace(item, id=f"z{item.id}") for item in items] for name, items in PARTS.items()}
    held_out = {**PARTS, "train": [*PARTS["train"][3:], *PARTS["dev"]], "dev": PARTS["train"][:3]}
    for parts in (PARTS, renamed, held_out):
        other, other_folder = run(parts)
        assert name_differing(first, folder, other, other_folder) == ""


def test_a_record_by_itself_does_not_know(run: Make) -> None:
    (first, folder), (second, other) = run(PARTS), run(changed(PARTS, "train", without=["t0"]))
    assert name_differing(first, None, second, other) == UNKNOWN
    assert name_differing(first, folder, second, None) == UNKNOWN
    assert name_differing(first, None, first, None) == ""


def test_a_folder_without_manifests_does_not_know_either(run: Make, tmp_path: Path) -> None:
    (first, folder), (second, _) = run(PARTS), run(changed(PARTS, "train", without=["t0"]))
    assert name_differing(first, folder, second, RunFolder(tmp_path / "published")) == UNKNOWN
    folder.manifest("dev").write_text("{}\n")
    assert name_differing(first, folder, second, RunFolder(tmp_path / "run2")) == UNKNOWN


def test_records_without_a_corpus(run: Make) -> None:
    first, folder = run(PARTS)
    assert name_differing(first, folder, by_hand.record(corpus=None), None) == ""


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's lock file of the corpus of `PARTS`."""
    path = tmp_path / "an4.lock.json"
    own = {"train": [*PARTS["train"], *PARTS["dev"]], "test": PARTS["test"]}
    locks = {
        name: SplitLock(
            len(items), 1.0, identity(u.digest for u in items), {u.id: u.digest[:PREFIX] for u in items}
        )
        for name, items in own.items()
    }
    write_locks(path, "an4", locks)
    monkeypatch.setattr(training_data, "data_file", lambda name: tmp_path / name)
    return path


def test_lock_file_knows_for_a_record_of_its_corpus(run: Make, locked: Path) -> None:
    """A published record, and a run on recordings one of which was changed."""
    second, folder = run(changed(PARTS, "train", utterance("t3", "one sample")))
    assert name_differing(record_of(PARTS), None, second, folder) == "changed in train: t3"
    # The other one by itself is not of the lock's corpus.
    assert name_differing(record_of(PARTS), None, second, None) == UNKNOWN


def test_lock_file_of_an_older_format_or_broken(run: Make, locked: Path) -> None:
    second, folder = run(changed(PARTS, "train", utterance("t3", "one sample")))
    whole = json.loads(locked.read_text())
    for split in whole["splits"].values():
        del split["identities"]
    locked.write_text(json.dumps({**whole, "format": 1}))
    assert name_differing(record_of(PARTS), None, second, folder) == UNKNOWN
    locked.write_text("{}")
    assert name_differing(record_of(PARTS), None, second, folder) == UNKNOWN


@pytest.mark.parametrize("name", ["an4", "digits", "fsdd", "yesno"])
def test_lock_files_of_the_project_know_the_committed_records(name: str) -> None:
    """Each utterance of a published record has a name here, so that one that differs can be told."""
    used = read_record(RESULTS / name / "seed1.json").corpus
    assert used is not None
    found = training_data._of_lock(used)
    assert used.splits["train"].utterances + used.splits["dev"].utterances == len(found["train"])
    assert used.splits["test"].utterances == len(found["test"])
