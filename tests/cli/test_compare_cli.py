"""`asr compare` as a user meets it: rates, tests, causes and a verdict, for people and as JSON."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import by_hand
import miniature
import pytest
from by_hand import FEW, MANY, claims, moved, of_format_1, other_bits, outcomes, record, with_key, with_part

from asr.cli.main import main
from asr.runs.record import Record

Files = Callable[..., list[Path]]
Said = Callable[..., str]
RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command prints; it ends with 0 whatever the verdict, and says nothing on standard error."""

    def said(*words: object) -> str:
        assert main(["compare", *map(str, words)]) == 0
        out, error = capsys.readouterr()
        assert error == ""
        return out

    return said


def verdict_of(text: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith("verdict: "))
    return line.removeprefix("verdict: ")


# Each of the six, with the beginning of what is said.
SIX = [
    ((record(), record()), "bit-identical: all 12 steps, the weights and every transcript are the same"),
    (
        claims(FEW, FEW, texts=""),
        "same transcripts: every test transcript is the same, though the trainings part at",
    ),
    (
        claims(MANY, moved(MANY, 20)),
        "equivalent within ±1.00% of WER: WER 10.00% and 10.00%, difference +0.00% (",
    ),
    (claims(FEW, [2] * 12), "different: WER 10.00% and 20.00%, difference +10.00% (90 % interval "),
    (claims(FEW, moved(FEW, 2, 1)), "inconclusive: WER 10.00% and 10.83%, difference +0.83% (90 % interval "),
    (
        (record(), with_part(record(), "test", digest="e" * 64)),
        "not comparable: the test parts are not the same: 10 utterances (",
    ),
]


@pytest.mark.parametrize(("records", "words"), SIX, ids=[words.partition(":")[0] for _, words in SIX])
def test_each_verdict(records: Sequence[Record], words: str, files: Files, said: Said) -> None:
    paths = files(*records)
    assert verdict_of(said(*paths)).startswith(words)
    tree = json.loads(said(*paths, "--json"))
    (comparison,) = tree["comparisons"]
    name = re.split(r":| within", words)[0]
    assert (comparison["verdict"]["name"], comparison["first"]) == (name, str(paths[0]))
    assert comparison["verdict"]["exit_status"] == {
        "different": 3,
        "inconclusive": 4,
        "not comparable": 5,
    }.get(name, 0)


def test_tests_for_people(files: Files, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """Matched pairs, bootstrap over utterances and speakers, McNemar; differences are second minus first."""
    monkeypatch.setenv("COLUMNS", "160")
    speakers = [f"s{number % 6}" for number in range(12)]
    one, two = (outcomes(errors, speakers=speakers) for errors in ([2, 0] * 6, [3, 0] * 6))
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in said(*files(record(one), other_bits(record(two)))).splitlines()
    ]
    cells = {row[0]: row[1:] for row in rows if row}
    assert [
        cells[name][0] for name in ("matched pairs over speakers", "paired bootstrap over utterances")
    ] == ["+5.00%"] * 2
    assert cells["paired bootstrap over speakers"][0] == "+5.00%"
    assert cells["McNemar on sentences"] == ["0 wrong in the first alone, 0 in the second", "", "1.000"]
    low, _, high = cells["matched pairs over speakers"][1].partition(" to ")
    assert float(low.strip("%")) < 5 < float(high.strip("%"))


def test_rates_of_each(files: Files, said: Said) -> None:
    text = said(*files(record(outcomes([1] * 10)), record(outcomes([3] * 10))))
    assert "10.00%" in text
    assert "30.00%" in text
    assert "10 / 100" in text
    assert "30 / 100" in text


def test_small_probabilities(files: Files, said: Said) -> None:
    text = said(*files(*claims(MANY, moved(MANY, 0, 600))))
    assert "< 0.001" in text
    assert "0.000 " not in text.partition("matched pairs")[2]


def test_causes_for_people(files: Files, said: Said) -> None:
    """The most likely one first; what can hardly be one is marked."""
    other = with_key(other_bits(record()), model__dropout=0.5, seed=2)
    text = said(*files(record(), other))
    lines = text.splitlines()
    at = lines.index("what is different, the most likely cause first:")
    assert (
        lines[at + 1]
        == "  recipe of the model: recipe key model.dropout is 0.1 in the first, 0.5 in the second"
    )
    assert lines[at + 2] == "  (hardly) seed: recipe key seed is 1 in the first, 2 in the second"


def test_no_cause_is_found_and_it_is_said(files: Files, said: Said) -> None:
    text = said(*files(record(), other_bits(record())))
    assert (
        "nothing that the records hold is different: the cause is something that they do not know\n" in text
    )
    assert "what is different" not in text


def test_no_cause_is_looked_for_without_a_difference(files: Files, said: Said) -> None:
    """Bit-identical, by other code on another layout: listed, and not called hardly likely."""
    first = record()
    last = first.sessions[-1].model_copy(update={"workers": 7})
    text = said(*files(first, first.model_copy(update={"sessions": [last]})))
    assert "what is different:\n  layout: workers is 2 in the first, 7 in the second\n" in text
    assert "(hardly)" not in text
    assert "nothing that the records hold" not in said(*files(first, first))


def test_many_causes_are_cut_for_people_and_not_for_programs(files: Files, said: Said) -> None:
    packages = {f"library-{number:02d}": "1" for number in range(14)}
    environment = by_hand.environment().model_copy(update={"packages": packages})
    paths = files(record(), record(environment=environment))
    text = said(*paths)
    assert text.count("  libraries: ") + text.count("  audio libraries: ") == 10
    assert "  and 7 more (--json has all)" in text
    assert len(json.loads(said(*paths, "--json"))["comparisons"][0]["causes"]) == 17


def test_transcripts_that_differ_are_named(files: Files, said: Said) -> None:
    few = files(*claims([1] * 3, [1] * 3))
    assert "3 test transcripts differ: u0000, u0001, u0002\n" in said(*few)
    many = said(*files(*claims([1] * 12, [1] * 12)))
    assert "12 test transcripts differ: u0000, " in many
    assert ", u0009 and 2 more\n" in many
    assert "transcripts differ" not in said(*files(record(), record()))


def test_several_seeds(files: Files, said: Said) -> None:
    """Mean and spread; each run is compared with the first."""
    runs = [
        record(outcomes([errors]), recipe=miniature.recipe(seed=seed), weights=str(seed))
        for seed, errors in ((1, 1), (2, 2), (3, 6))
    ]
    paths = files(*runs)
    text = said(*paths)
    assert "miniature test: mean WER 30.00%, standard deviation 26.46% over 3 runs (seeds 1, 2, 3)" in text
    assert text.count("verdict: ") == 2
    assert f"{paths[1]} beside {paths[0]}\n" in text
    assert f"{paths[2]} beside {paths[0]}\n" in text
    tree = json.loads(said(*paths, "--json"))
    assert len(tree["comparisons"]) == 2
    (group,) = tree["groups"]
    assert (group["seeds"], group["rates"]) == ([1, 2, 3], [0.1, 0.2, 0.6])
    assert group["mean"] == pytest.approx(0.3)


def test_one_seed_has_no_spread(files: Files, said: Said) -> None:
    assert "standard deviation" not in said(*files(record(), record()))


def test_unfinished_runs(files: Files, said: Said) -> None:
    unfinished = record(status="interrupted", results={}, outcomes={}, model=None)
    text = said(*files(record(), unfinished))
    assert "interrupted" in text
    assert "no paired tests: a run is not complete\n" in text
    assert verdict_of(text) == "not comparable: the second run is interrupted and has no result"


def test_records_of_format_1(files: Files, said: Said) -> None:
    text = said(*files(of_format_1(record()), record()))
    assert "no paired tests: a record of format 1 does not tell of each utterance\n" in text
    assert verdict_of(text).startswith("bit-identical")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits", "digits test: mean WER 1.25%, standard deviation 0.68% over 3 runs (seeds 1, 2, 3)"),
        ("an4", "an4 test: mean WER 6.04%, standard deviation 1.10% over 3 runs (seeds 1, 2, 3)"),
    ],
)
def test_committed_results(name: str, words: str, said: Said) -> None:
    assert words in said(*sorted((RESULTS / name).glob("seed*.json")))


def test_a_real_run_with_itself(trained: tuple[Path, Path], said: Said) -> None:
    """MAPSSWE is there, too, since both have their texts."""
    text = said(trained[1], trained[1])
    assert "MAPSSWE, " in text
    assert verdict_of(text).startswith("bit-identical: all 112 steps")


def test_a_path_is_not_cut(files: Files, said: Said, tmp_path: Path) -> None:
    """However narrow the terminal, and whatever looks like markup."""
    folder = tmp_path / "[red]a long name of a folder" / "with another long name of a folder in it"
    folder.mkdir(parents=True)
    first, second = (Path(shutil.copy(path, folder / path.name)) for path in files(record(), record()))
    text = said(first, second)
    assert f"{second} beside {first}\n" in text
    assert "…" not in text


def test_torch_is_not_imported(files: Files) -> None:
    """A comparison takes as long as it takes to read two files."""
    paths = [str(path) for path in files(*claims(FEW, [2] * 12))]
    program = (
        "import sys\nfrom asr.cli.main import main\n"
        f"status = main(['compare', *{paths!r}])\n"
        "heavy = {'torch', 'soundfile', 'torchaudio'} & sys.modules.keys()\n"
        "print('imported:', sorted(heavy))\nsys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("imported: []\n")
