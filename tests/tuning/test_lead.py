"""What leads a study, with workers that train nothing: every order of events, failures, budgets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from miniature import on_step
from scripted import Crash, Failure, Worth, scripted
from small_study import small_study

from asr.training.reports import Interrupted
from asr.tuning import keeping
from asr.tuning import study as leading
from asr.tuning import verify as verifying
from asr.tuning.errors import TuningError
from asr.tuning.options import TuningOptions
from asr.tuning.record import StudyRecord, Trial, read_study
from asr.tuning.storage import JOURNAL
from asr.tuning.study import tune
from asr.tuning.training import Job
from asr.tuning.verify import verify_study
from asr.tuning.watcher import Standing, StudyWatcher

KEYS = {
    "train.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "model.hidden": {"low": 8, "high": 64, "step": 8},
}
SIX = {"objective": "wer", "keys": KEYS, "trials": 12, "lag": 3}
Lead = Callable[..., StudyRecord]


def by_hidden(job: Job) -> list[float]:
    """32 is best; each epoch is better than the one before."""
    wer = abs(job.recipe["model"]["hidden"] - 32) / 100 + 0.1 * (job.recipe["seed"] - 1)
    return [round(wer + 0.2, 2), round(wer + 0.1, 2)]


@pytest.fixture
def lead(
    options: Callable[..., TuningOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lead]:
    """Leads a study in a folder of that name, with scripted workers."""

    def lead(
        worth: Worth = by_hidden,
        *,
        out: str = "study",
        workers: int = 2,
        order: int = 0,
        should_stop: Callable[[], bool] = lambda: False,
        watcher: StudyWatcher | None = None,
        important: bool = False,
        **changes: Any,
    ) -> StudyRecord:
        monkeypatch.setattr(leading, "Workers", scripted(worth, order))
        if not important:
            monkeypatch.setattr(keeping, "importances", lambda study, trials: None)
        study = small_study(**{**SIX, **changes})
        command = f"asr tune --set search.trials={study.search.trials}"
        given = options(tmp_path / out, workers=workers, command=command)
        return tune(study, given, watcher, should_stop)[1]

    return lead


def outcome(record: StudyRecord) -> list[dict[str, Any]]:
    """Without times."""
    left_out = {"started", "finished", "seconds"}
    return [trial.model_dump(exclude=left_out) for trial in record.trials]


def test_neither_the_number_of_workers_nor_who_ends_first_changes_a_trial(lead: Lead) -> None:
    first = lead(out="one", workers=1)
    states = [trial.state for trial in first.trials]
    assert {"complete", "pruned"} == set(states)
    assert first.best is not None
    assert first.best.objective == min(t.objective for t in first.trials if t.objective is not None)
    for order, workers in ((1, 2), (2, 3), (3, 3)):
        again = lead(out=f"order{order}", workers=workers, order=order)
        assert outcome(again) == outcome(first)


def test_interrupted_anywhere_it_goes_on(lead: Lead, tmp_path: Path) -> None:
    whole = lead(out="whole")
    for moment in (3, 12, 30):
        with pytest.raises(Interrupted):
            lead(out=f"cut{moment}", order=moment, should_stop=on_step(moment))
        part = read_study(tmp_path / f"cut{moment}")
        assert part.status == "interrupted"
        assert (tmp_path / f"cut{moment}" / "report.html").is_file()
        record = lead(out=f"cut{moment}", order=moment + 1, workers=3)
        assert outcome(record) == outcome(whole)
        assert [session.finished != "" for session in record.sessions] == [True, True]


def test_a_line_of_the_journal_that_was_cut_off(lead: Lead, tmp_path: Path) -> None:
    whole = lead(out="whole")
    with pytest.raises(Interrupted):
        lead(out="cut", should_stop=on_step(20))
    with (tmp_path / "cut" / JOURNAL).open("a") as stream:
        stream.write('{"op_code": 8, "worker')
    assert outcome(lead(out="cut")) == outcome(whole)


def test_killed_while_its_first_files_are_written(lead: Lead, tmp_path: Path) -> None:
    left = [
        tmp_path / "study" / ".study.json.0a1b2c3d.part",
        tmp_path / "study/manifests/.dev.jsonl.0a1b2c3d.part",
    ]
    left[0].parent.mkdir()
    left[0].touch()
    with pytest.raises(Interrupted):
        lead(trials=2, should_stop=on_step(1))
    left[1].parent.mkdir()
    left[1].touch()
    assert lead(trials=2).status == "complete"
    assert not any(path.exists() for path in left)


def test_a_complete_study_is_only_read_and_may_get_a_larger_budget(lead: Lead) -> None:
    def refuse(job: Job) -> list[float]:
        raise AssertionError("nothing is to be trained")

    small = lead(trials=5)
    assert lead(refuse, trials=5).trials == small.trials
    large = lead(trials=12)
    assert outcome(large)[:5] == outcome(small)
    assert outcome(large) == outcome(lead(out="at-once", trials=12))
    assert len(large.sessions) == 2
    assert (small.command, large.command) == (
        "asr tune --set search.trials=5",
        "asr tune --set search.trials=12",
    )


def test_a_budget_cannot_be_smaller_than_what_was_done(lead: Lead, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        lead(should_stop=on_step(30))
    before = (tmp_path / "study" / "study.json").read_bytes()
    count = len(read_study(tmp_path / "study").trials)
    with pytest.raises(
        TuningError, match=rf"has {count} trials, and search.trials is 2: a budget can only grow"
    ):
        lead(trials=2)
    assert (tmp_path / "study" / "study.json").read_bytes() == before
    whole = lead(trials=count)
    assert whole.search.trials == count
    assert lead(trials=2).trials == whole.trials  # a complete one is read


def test_minutes_are_a_budget_too(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr(keeping.time, "monotonic", lambda: float(next(clock)))
    record = lead(minutes=5)
    assert record.status == "complete"
    assert 1 <= len(record.trials) < 12
    assert (
        lead(minutes=5).sessions == record.sessions
    )  # it is over: the time is used up, though trials are left
    assert all(trial.state != "running" for trial in record.trials)


def test_seeds_are_averaged(lead: Lead) -> None:
    record = lead(seeds=[1, 2], trials=4, pruner="none")
    for trial in record.trials:
        assert [training.seed for training in trial.trainings] == [1, 2]
        first, second = (by_hidden(_job(trial, seed))[-1] for seed in (1, 2))
        assert trial.objective == pytest.approx((first + second) / 2)
        # Two epochs of each: after the third, the first seed's best and what the second has so far.
        early = by_hidden(_job(trial, 2))[0]
        assert [report.step for report in trial.reports] == [1, 2, 3, 4]
        assert trial.reports[2].value == pytest.approx((first + early) / 2)


def _job(trial: Trial, seed: int) -> Job:
    recipe = small_study(**SIX).recipe_of(trial.values, seed).model_dump(mode="json")
    return Job(trial.number, recipe, "", "", "", "", {}, "", "cpu")


def test_values_that_cannot_be_trained_fail_and_the_study_goes_on(lead: Lead) -> None:
    def worth(job: Job) -> list[float]:
        if job.recipe["model"]["hidden"] > 32:
            raise Failure("TrainingError", "step 3: loss is nan on utterances a")
        return by_hidden(job)

    record = lead(worth)
    failed = [trial for trial in record.trials if trial.state == "failed"]
    assert failed
    assert all(trial.reason == "step 3: loss is nan on utterances a" for trial in failed)
    assert {trial.values["model.hidden"] > 32 for trial in failed} == {True}
    assert outcome(record) == outcome(lead(worth, out="again", workers=3, order=5))


def test_values_that_make_no_recipe_fail_too(lead: Lead) -> None:
    keys = {"front_end.low": {"low": 20.0, "high": 3000.0}, "front_end.high": {"low": 200.0, "high": 4000.0}}
    record = lead(keys=keys, trials=8)
    failed = [trial for trial in record.trials if trial.state == "failed"]
    assert failed
    assert all("need low < high" in trial.reason and not trial.recipe_digest for trial in failed)


def test_where_all_fail_the_study_ends(lead: Lead, tmp_path: Path) -> None:
    def worth(job: Job) -> list[float]:
        raise Failure("TrainingError", "loss is nan")

    with pytest.raises(TuningError, match="the first 5 trials all failed; the last of them: loss is nan"):
        lead(worth)
    assert read_study(tmp_path / "study").status == "interrupted"


def test_what_is_no_fault_of_a_trial_ends_the_study(lead: Lead) -> None:
    def worth(job: Job) -> list[float]:
        raise Failure("StorageError", "disk: cannot be written")

    with pytest.raises(TuningError, match="trial 1: disk: cannot be written"):
        lead(worth, workers=1)


def test_a_worker_that_ends_is_started_again_once(lead: Lead) -> None:
    crashes = []

    def worth(job: Job) -> list[float]:
        if job.trial in (2, 5) and crashes.count(job.trial) < (1 if job.trial == 2 else 2):
            crashes.append(job.trial)
            raise Crash
        return by_hidden(job)

    record = lead(worth)
    assert crashes.count(2) == 1
    assert record.trials[1].state == "complete"
    assert record.trials[4].state == "failed"
    assert "ended, twice" in record.trials[4].reason


def test_what_is_told(lead: Lead) -> None:
    class Told(StudyWatcher):
        trials: list[tuple[int, int, int]]

        def on_trial(self, trial: Trial, standing: Standing) -> None:
            best = standing.best.number if standing.best else 0
            self.trials.append((trial.number, standing.trials, best))

    told = Told()
    told.trials = []
    lead(watcher=told, workers=1, trials=3)
    assert [number for number, _, _ in told.trials] == [1, 2, 3]
    assert [over for _, over, _ in told.trials] == [1, 2, 3]


def test_the_folder_of_another_study_or_of_a_stranger(lead: Lead, tmp_path: Path) -> None:
    lead(trials=2)
    with pytest.raises(TuningError, match="holds a study of other settings"):
        lead(trials=2, seed=9)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(TuningError, match=r"not empty \(thesis\.txt\) and no study"):
        lead(out="mine")


def test_what_was_altered_in_a_record_is_found(
    lead: Lead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lead(important=True).importances
    path = tmp_path / "study" / "study.json"
    assert verify_study(path.parent).verdict == "verified"
    monkeypatch.setattr(verifying, "importances", lambda study, trials: found)  # once is enough
    text = path.read_text(encoding="utf-8")

    def wrong(change: Callable[[StudyRecord], StudyRecord]) -> set[str]:
        """Checks that fail on an altered record; the seal always does, and is left out."""
        record = change(read_study(path))
        path.write_text(record.model_dump_json(), encoding="utf-8")
        report = verify_study(path.parent)
        path.write_text(text, encoding="utf-8")
        assert "seal" in {check.name for check in report.checks if check.outcome == "failed"}
        return {check.name for check in report.checks if check.outcome == "failed"} - {"seal"}

    def trial(place: int, **update: Any) -> Callable[[StudyRecord], StudyRecord]:
        def change(record: StudyRecord) -> StudyRecord:
            trials = [*record.trials]
            trials[place] = trials[place].model_copy(update=update)
            return record.model_copy(update={"trials": trials})

        return change

    first = read_study(path).trials[0]
    other = {**first.values, "train.learning_rate": 0.05}
    assert {"draws", "digests"} <= wrong(trial(0, values=other))
    assert "trials" in wrong(trial(0, objective=0.001))
    assert "reports" in wrong(trial(0, reports=[]))
    assert wrong(lambda record: record.model_copy(update={"heard": ["train", "dev", "test"]})) == {"heard"}
    assert found is not None
    less = found.model_copy(update={"keys": found.keys[:-1]})
    assert wrong(lambda record: record.model_copy(update={"importances": less})) == {"importances"}
    pruned = next(place for place, each in enumerate(read_study(path).trials) if each.state == "pruned")
    assert "prunings" in wrong(trial(pruned, state="failed"))
    (path.parent / "best.toml").write_text('name = "x"\n')
    assert [check.name for check in verify_study(path.parent).checks if check.outcome == "failed"] == [
        "files"
    ]
