"""The page as a whole: it needs nothing, names nothing of this machine, and its numbers are those of the record."""

import base64
import hashlib
import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reading import Page

from asr.errors import RunError
from asr.report.material import read_runs, without_places
from asr.report.page import page, write_report
from asr.runs.record import read_record

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)> & \"quoted\""


def report(*runs: Path, part: str = "test", audio: int = 0) -> Page:
    return Page(page(read_runs(runs, part), audio))


def change(record: Path, alter: Callable[[dict[str, Any]], object]) -> None:
    tree = json.loads(record.read_text())
    alter(tree)
    record.write_text(json.dumps(tree))


def test_it_needs_nothing_from_outside(whole: Page) -> None:
    for tag, attributes in whole.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name in ("src", "href", "data", "srcset", "action", "poster"):
                assert value
                assert value.startswith(("#", "data:image/png;", "data:audio/")), (tag, value[:40])
    assert {tag for tag, _ in whole.elements}.isdisjoint(
        {"link", "iframe", "object", "embed", "base", "form"}
    )
    assert "url(" not in whole.html
    assert "@import" not in whole.html
    assert "http://" not in whole.html
    assert "https://" not in whole.html


def test_its_policy_allows_its_own_style_and_script_and_no_others(whole: Page) -> None:
    (policy,) = [str(each["content"]) for each in whole.named("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none';")
    for tag in ("style", "script"):
        assert len(whole.named(tag)) == 1
        content = whole.html.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_it_names_nothing_of_this_machine(whole: Page, run: Path) -> None:
    for name in (str(run), str(run.parent), str(Path.home()), "/tmp/", "wav/an4"):
        assert name not in whole.html
    assert platform.node() not in whole.text or len(platform.node()) < 4


def test_it_can_be_used_without_eyes_and_without_a_mouse(whole: Page) -> None:
    assert whole.named("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in whole.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [str(each["href"])[1:] for each in whole.named("a")]
    assert len(targets) == 8
    assert set(targets) <= set(ids)
    pictures = whole.named("svg")
    assert pictures
    assert all(each.get("aria-label") or each.get("aria-hidden") == "true" for each in pictures)
    assert all(each.get("controls", "") is None and each["aria-label"] for each in whole.named("audio"))
    assert len(whole.named("table")) == len(whole.named("caption"))
    assert all(each["scope"] in ("col", "row") for each in whole.named("th"))
    assert [level for level, _ in whole.elements if level in ("h1", "h2", "h3")][:2] == ["h1", "h2"]


def test_its_results_are_those_of_the_record(whole: Page, run: Path) -> None:
    record = read_record(run)
    rows = whole.table("Every part")
    for part, row in zip(("test", "dev"), rows[1:], strict=True):
        result = record.results[part]
        words = result.words
        errors = words.substitutions + words.deletions + words.insertions
        low, high = result.wer_interval_95
        assert row == [
            "miniature, seed 1",
            part,
            "greedy",
            f"{result.wer:.2%}",
            f"{low:.2%} to {high:.2%}",
            f"{errors} / {words.reference_length}",
            f"{result.cer:.2%}",
            f"{result.ser:.2%}",
        ]
    assert "verified" in whole.text
    assert "NOT verified" not in whole.text


def test_every_epoch_has_a_row_and_a_point(whole: Page, run: Path) -> None:
    record = read_record(run)
    rows = whole.table("Epochs")[1:]
    assert [row[3] for row in rows] == [f"{epoch.train_loss:.4f}" for epoch in record.epochs]
    curves = [str(each["points"]) for each in whole.named("polyline") if each["class"] == "curve t0"]
    assert [len(curve.split()) for curve in curves] == [len(record.epochs)] * 4


def test_parts_speakers_and_symbols_are_counted(whole: Page, run: Path) -> None:
    record = read_record(run)
    assert record.corpus is not None
    assert [row[:2] for row in whole.table("Parts of the corpus")[1:]] == [
        [name, str(part.utterances)] for name, part in record.corpus.splits.items()
    ]
    speakers = whole.table("Speakers")[1:]
    assert {(row[0], row[1]) for row in speakers if row[1] == "test"} == {("emil", "test"), ("fred", "test")}
    texts = [
        json.loads(line)["text"] for line in (run / "manifests" / "train.jsonl").read_text().splitlines()
    ]
    counted = {row[0]: row[2] for row in whole.table("Characters of the normalised texts")[1:]}
    assert counted["e"] == str("".join(texts).lower().count("e"))
    assert counted["␣"] == str("".join(texts).count(" "))


def test_the_sound_of_as_many_utterances_as_asked_for_is_in_it(whole: Page, run: Path) -> None:
    assert len(whole.named("audio")) == 2
    assert all(str(each["src"]).startswith("data:audio/mpeg;base64,") for each in whole.named("audio"))
    assert len(whole.named("image")) == 2
    assert "The audio of 2 utterances is embedded in this page" in whole.text
    assert whole.table("Words by")[1][0] == "said"
    silent = report(run)
    assert silent.named("audio") == silent.named("image") == []
    assert "No audio was asked for" in silent.text


def test_audio_that_is_gone_is_said_to_be_gone(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    manifest = tmp_path / "run" / "manifests" / "test.jsonl"
    manifest.write_text(manifest.read_text().replace(".wav", ".gone"))
    found = report(tmp_path / "run", audio=2)
    assert "2 of 2 utterances are not here any more" in found.text
    assert found.named("audio") == []
    assert str(tmp_path) not in found.html


def test_a_record_alone_is_enough_and_what_is_missing_is_said(run: Path) -> None:
    found = report(run / "record.json", audio=2)
    assert found.table("Every part")[1][1] == "test"
    assert "a record by itself: no texts, no lengths of utterances, no audio" in found.text
    assert "The texts are in the run's folder" in found.text
    assert found.table("Error rate by speaker")
    assert found.named("audio") == []


def test_texts_of_others_stay_texts(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)

    def alter(tree: dict[str, Any]) -> None:
        tree["command"] = tree["environment"]["processor"] = EVIL
        tree["corpus"]["left_out"] = [{"id": EVIL, "reason": EVIL}]
        tree["epochs"][0]["warnings"] = [EVIL]
        for outcome in tree["outcomes"]["test"].values():
            outcome["speaker"] = EVIL

    change(folder / "record.json", alter)
    for path in (folder / "hypotheses" / "test.jsonl", folder / "manifests" / "test.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            line.update({key: EVIL for key in ("text", "hypothesis", "speaker") if key in line})
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = report(folder, audio=1)
    assert len(found.named("script")) == 1
    assert found.named("img") == []
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    assert found.text.count(EVIL) > 4
    assert "NOT verified" in found.text


def test_two_runs_are_side_by_side_with_the_verdict_of_the_ladder(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(run, folder)
    found = report(run, folder)
    assert "bit-identical" in found.text
    assert "miniature, seed 1" in found.text
    assert [row[0][-5:] for row in found.table("Every part")[1:]] == ["no. 1", "no. 1", "no. 2", "no. 2"]
    assert len([each for each in found.named("polyline") if each["class"] == "curve t1"]) == 4


def test_errors_in_words_and_in_characters_are_not_side_by_side(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "characters"
    shutil.copytree(run, folder)
    change(folder / "record.json", lambda tree: tree["recipe"]["score"].update(unit="character"))
    found = report(run, folder)
    assert found.texts.count("Confusions") == 2
    assert len({row[1] for row in found.table("Error rate by speaker")[1:]}) == 1


def test_a_run_that_is_under_way_has_a_report(run: Path, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    shutil.copyfile(run / "record.json", record)

    def alter(tree: dict[str, Any]) -> None:
        tree.update(
            status="running",
            results={},
            outcomes={},
            model=None,
            times=None,
            files={},
            checkpoints={},
            seal={},
        )

    change(record, alter)
    found = report(record)
    assert "running" in found.text
    assert "not complete" in found.text


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run here"):
        write_report(tmp_path / "page.html", [tmp_path])
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("/made/up/runs/a/record.json: altered", "…/record.json: altered"),
        ("reads '/a b/c.wav'", "reads '…/c.wav'"),
        ("C:\\Made\\up\\x.wav", "…/x.wav"),
        ("3 / 4 words, hypotheses/test.jsonl", "3 / 4 words, hypotheses/test.jsonl"),
        ("model/weights.safetensors", "model/weights.safetensors"),
    ],
)
def test_messages_lose_the_folders_of_this_machine(message: str, shown: str) -> None:
    assert without_places(message) == shown
