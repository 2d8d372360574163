"""Ensembles as systems of a benchmark: of commands, of our models, cached, verified, and what cannot be one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import benchmarked
import miniature
import pytest
from small_bundle import write_bundle

from asr import Transcriber
from asr.benchmark.errors import BenchmarkError, HearingError
from asr.benchmark.spec import benchmark_of, load_benchmark
from asr.benchmark.systems.ensemble import EnsembleSpec
from asr.benchmark.transcripts import Answered, read_lines
from asr.benchmark.verify import verify_benchmark

WRONG = ("GO", "NO GO", "SEE ONE", "YES NO", "ONE", "NO NO")  # a text for each of benchmarked.TEXTS
OTHER = ("NO", "NO SEE", "SEE YES ONE", "NO", "Yes.", "NO")


def ensemble(**keys: Any) -> EnsembleSpec:
    found = EnsembleSpec.model_validate({"name": "it", "kind": "ensemble", **keys})
    assert isinstance(found, EnsembleSpec)
    return found


def three(folder: Path) -> list[dict[str, object]]:
    """Commands that hear by the size of a file: the second and third are wrong in different utterances."""
    texts = benchmarked.write_corpus(folder)
    heard: Sequence[dict[int, str]] = (
        texts,
        *(dict(zip(texts, each, strict=True)) for each in (WRONG, OTHER)),
    )
    return [
        {"name": f"s{number}", "command": benchmarked.write_script(folder, f"s{number}", said(answers))}
        for number, answers in enumerate(heard)
    ]


def said(answers: dict[int, str]) -> dict[int, str]:
    return {size: f"echo {text}" for size, text in answers.items()}


def test_commands_by_vote(tmp_path: Path) -> None:
    """Each word of which two are sure wins; the outcome is verified; the second time nothing is heard."""
    members = three(tmp_path)
    system = {"name": "vote", "kind": "ensemble", "how": "vote", "members": ["s1", "s0", "s2"]}
    spec = benchmarked.write_spec(tmp_path, [*members, system], text="basic-1")
    record = benchmarked.run(tmp_path, spec)
    answers = {line.id: line.text for line in read_lines(tmp_path / "out/answers/vote/tiny.jsonl", Answered)}
    # u4: "one", "one yes", "yes": two of three say each word
    expected = ["go", "no see", "see yes one", "yes no", "one yes", "no no"]
    assert [answers[f"u{number}"] for number in range(6)] == expected
    used = record.systems[-1]
    assert (used.kind, used.error) == ("ensemble", "")
    assert [member["command"][0] for member in used.identity["members"]] == ["sh"] * 3
    assert verify_benchmark(tmp_path / "out").verdict == "verified"
    heard = benchmarked.calls(tmp_path)
    benchmarked.run(tmp_path, spec)
    assert benchmarked.calls(tmp_path) == heard
    times = {
        name: next(cell.speed for cell in record.cells if cell.system == name) for name in ("vote", "s0")
    }
    assert times["vote"] is not None
    assert times["s0"] is not None
    assert times["vote"].hearing > times["s0"].hearing


def test_what_a_member_cannot_hear_has_no_answer(tmp_path: Path) -> None:
    members = three(tmp_path)[:2]
    (tmp_path / "bad.sh").write_text("echo no more >&2; exit 3", encoding="utf-8")
    bad = {"name": "bad", "kind": "command", "command": "sh bad.sh {audio}"}
    system = {"name": "vote", "kind": "ensemble", "how": "vote", "members": ["s0", bad]}
    record = benchmarked.run(tmp_path, benchmarked.write_spec(tmp_path, [members[0], system]))
    (cell,) = [cell for cell in record.cells if cell.system == "vote"]
    assert len(cell.failed) == 6
    assert "bad: sh: exit status 3: no more" in cell.failed[0].reason


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return miniature.trained(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("how", [{"how": "average"}, {"how": "vote", "word_confidence": "posterior"}])
def test_a_model_with_itself_hears_what_it_hears(trained: tuple[Path, Path], how: dict[str, str]) -> None:
    corpus, run = trained
    files = sorted((corpus / "wav" / "an4test_clstk").rglob("*.wav"))[:3]
    member = {"kind": "attest", "model": run.name}
    made = ensemble(**how, members=({"name": "a", **member}, {"name": "b", **member})).system(run.parent)
    assert made.identity()["members"][0]["weights"]
    assert str(run.parent) not in str(made.identity())
    assert (made.size() or 0) > 1000
    made.open()
    ours = Transcriber(run)
    assert [made.hear(file).text for file in files] == [ours(file).text for file in files]
    with pytest.raises(HearingError, match="not audio"):
        made.hear(Path(__file__))
    made.close()


def test_an_average_of_different_tokens_is_refused(trained: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other")
    members = tuple({"name": each.name, "kind": "attest", "model": str(each)} for each in (trained[1], other))
    made = ensemble(how="average", members=members).system(tmp_path)
    with pytest.raises(HearingError, match="other: has other tokens than run .*put to the vote"):
        made.identity()
    made.close()


SYSTEM = {"name": "all", "kind": "ensemble", "how": "vote"}
COMMAND = {"name": "a", "kind": "command", "command": "hear {audio}"}
OTHERS = [COMMAND, {**COMMAND, "name": "b"}]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"members": ["a", "c"]}, r"systems.2.members: no system of this file is called 'c'; there are a, b"),
        ({"members": ["a"]}, "systems.2.members: .*at least 2 items"),
        ({"members": ["a", "a"]}, "member 'a' is there twice"),
        ({"members": ["a", "all"]}, "systems.2.members: 'all' is an ensemble; name its members instead"),
        ({"members": ["a", "b"], "how": "average"}, 'set how = "vote"'),
        ({"members": ["a", "b"], "vote_weight": 1.5}, "systems.2.vote_weight"),
        (
            {"members": ["a", {**COMMAND, "name": "c", "model": "x"}]},
            "unknown key .*model; allowed .*command",
        ),
        ({}, "systems.2.members is missing"),
    ],
)
def test_what_cannot_be(keys: dict[str, Any], message: str) -> None:
    tree = {"name": "x", "corpora": [{"name": "an4"}], "systems": [*OTHERS, {**SYSTEM, **keys}]}
    with pytest.raises(BenchmarkError, match=message):
        benchmark_of(tree, "x.toml")


def test_it_takes_text_and_unit_of_the_benchmark(tmp_path: Path) -> None:
    system = {**SYSTEM, "members": ["a", "b"]}
    spec = benchmarked.write_spec(tmp_path, [*OTHERS, system], text="en-1")
    benchmark = load_benchmark(spec)
    found = benchmark.systems[2]
    assert isinstance(found, EnsembleSpec)
    assert (found.text, found.unit) == ("en-1", "word")
    assert [member.name for member in found.members] == ["a", "b"]
    assert benchmark_of(benchmark.model_dump(mode="json"), "record") == benchmark
