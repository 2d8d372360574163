"""Records whose numbers contradict each other."""

from pathlib import Path
from typing import Any

import miniature
import pytest
from tampering import Change, change_record, codes

import asr.runs.run
from asr.claims.verify import verify
from asr.runs.options import RunOptions

# Each alteration contradicts the record itself; whoever made it has renewed every digest.
CONTRADICTIONS: list[tuple[Change, set[str]]] = [
    (lambda tree: tree["results"]["test"]["words"].update(hits=99), {"results.test.words.reference_length"}),
    (lambda tree: tree["results"]["test"].update(wer=0.123), {"results.test.wer"}),
    (lambda tree: tree["results"]["dev"].update(ser=0.5), {"results.dev.ser"}),
    (
        lambda tree: tree["results"]["test"].update(wer_interval_95=[0.9, 1.0]),
        {"results.test.wer_interval_95"},
    ),
    (
        lambda tree: tree["results"]["test"].update(wer_interval_95=[0.2, 0.1]),
        {"results.test.wer_interval_95"},
    ),
    (lambda tree: tree["results"]["test"].update(sentences=7), {"results.test.sentences", "outcomes.test"}),
    (lambda tree: tree["outcomes"]["test"]["an0-emil-b"].update(errors=2), {"outcomes.test.*.errors"}),
    (lambda tree: tree["outcomes"]["test"]["an0-emil-b"].update(words=-1), {"outcomes.test.an0-emil-b"}),
    (lambda tree: tree["outcomes"]["test"].pop("an0-emil-b"), {"outcomes.test", "outcomes.test.*.words"}),
    (lambda tree: tree["epochs"][3].update(epoch=3), {"epochs.3.epoch"}),
    (lambda tree: tree["epochs"][0].update(best=False), {"epochs.0.best"}),
    (lambda tree: tree["epochs"][0].update(clipped=1.5), {"epochs.0"}),
    (lambda tree: tree["epochs"][0]["gradient_norms"].pop("output"), {"epochs.0.gradient_norms.output"}),
    (lambda tree: tree["epochs"].pop(), {"epochs", "model.steps"}),
    (
        lambda tree: tree["epochs"][2]["dev"]["words"].update(deletions=99),
        {"epochs.2.dev.words.reference_length"},
    ),
    (lambda tree: tree["model"].update(steps=1), {"model.steps", "trail.16.step"}),
    (lambda tree: tree["model"].update(best_epoch=1), {"model.best_epoch", "model.weights_digest"}),
    (lambda tree: tree["model"].update(weights_digest="0" * 64), {"model.weights_digest"}),
    (lambda tree: tree["trail"].pop(0), {"trail.0.step", "trail"}),
    (lambda tree: tree["trail"].pop(5), {"trail.5.heard", "trail.5.loss", "trail.5.gradient", "trail"}),
    (lambda tree: tree["trail"][5].update(step=0), {"trail.5.step"}),
    (lambda tree: tree["trail"][5].update(loss="12"), {"trail.5.loss"}),
    (lambda tree: tree["trail"][5].update(cursor="g" * 64), {"trail.5.cursor"}),
    (lambda tree: tree["times"].update(training=1e9), {"times.training"}),
    (lambda tree: tree["times"].update(real_time_factor=1.0), {"times.real_time_factor"}),
    (lambda tree: tree["sessions"][0].update(finished=""), {"sessions.0.finished"}),
    (lambda tree: tree["sessions"][0].update(started="2999-01-01T00:00:00+00:00"), {"sessions.0.finished"}),
    (lambda tree: tree["numerics"].update(gradient_sum="float32"), {"numerics.gradient_sum"}),
    (lambda tree: tree["numerics"].update(determinism="off"), {"numerics.determinism"}),
    (lambda tree: tree["numerics"].update(threads=2), {"numerics.threads"}),
    (lambda tree: tree["numerics"]["float32"].update(matmul="tf32"), {"numerics.float32.matmul"}),
    (lambda tree: tree["numerics"]["cudnn"].pop("benchmark"), {"numerics.cudnn.benchmark"}),
    (lambda tree: tree["recipe"]["train"].update(digest_every=9), {"trail"}),
    (lambda tree: tree["corpus"]["identity"].update(test="0" * 64), {"corpus.identity.test"}),
    (lambda tree: tree["corpus"].update(name="digits"), {"corpus.name"}),
    (lambda tree: tree["corpus"].update(waived=[]), {"corpus.waived", "corpus.shared.texts"}),
    (lambda tree: tree["corpus"]["splits"].pop("dev"), {"corpus.splits.dev"}),
    (lambda tree: tree["results"].pop("test"), {"results.test"}),
    (lambda tree: tree.update(trail=[]), {"trail"}),
    (lambda tree: tree.update(numerics=None), {"numerics"}),
    (lambda tree: tree["environment"]["packages"].pop("numpy"), {"environment.packages.numpy"}),
    (lambda tree: tree.update(surprise=1), {"surprise"}),
    (lambda tree: tree["recipe"]["train"].update(epochs="14"), {"recipe.train.epochs"}),
    (lambda tree: tree.update(status="running"), {"status"}),
    (lambda tree: tree.update(format=1), {"format"}),
]


@pytest.mark.parametrize(("alter", "expected"), CONTRADICTIONS)
def test_a_record_that_contradicts_itself(alone: Path, alter: Change, expected: set[str]) -> None:
    report = verify(change_record(alone, alter))
    assert expected <= set(codes(report))
    assert report.verdict == "failed"


def test_the_development_result_of_other_weights(alone: Path) -> None:
    """A record that gives the last epoch's result as that of the best."""

    def alter(tree: dict[str, Any]) -> None:
        tree["results"]["dev"] = tree["epochs"][0]["dev"]

    assert "results.dev.words.hits" in codes(verify(change_record(alone, alter)))


def test_a_model_of_the_last_epoch(tmp_path: Path) -> None:
    """Whatever the development part says of it: one that is too small to choose an epoch by."""
    corpus = miniature.write_corpus(tmp_path, train=16, test=4)
    options = RunOptions(corpus=corpus, out=tmp_path / "run", cache=tmp_path / "cache", check_lock=False)
    recipe = miniature.recipe(train__epochs=3, train__learning_rate=1e-9, train__chosen_epoch="last")
    folder, record = asr.runs.run.run(recipe, options)
    assert record.model
    assert record.model.best_epoch == 3
    assert [epoch.best for epoch in record.epochs] == [True] * 3
    assert verify(folder).verdict == "verified"

    def alter(tree: dict[str, Any]) -> None:
        tree["epochs"][1]["best"] = False

    assert {"epochs.1.best"} <= set(codes(verify(change_record(folder / "record.json", alter))))
