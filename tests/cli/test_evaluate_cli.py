"""`asr evaluate` as a user meets it: a small run, read greedily and with a language model and a lexicon."""

import json
from collections.abc import Callable
from pathlib import Path

import miniature
import pytest
import searched

from asr.cli.main import main
from asr.decoding.decoder import Decoder
from asr.decoding.lexicon import Lexicon
from asr.decoding.settings import SearchSettings
from asr.errors import RunError
from asr.runs.evaluate import decoders
from asr.tokenizer import CharacterTokenizer, PhoneTokenizer, Tokenizer

Complaint = Callable[..., str]


@pytest.fixture
def model(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A language model of the words that the miniature corpus has, each as likely as any other."""
    text, model = tmp_path / "text.txt", tmp_path / "model.arpa"
    text.write_text("".join(f"{a} {b}\n" for a in miniature.WORDS for b in miniature.WORDS), encoding="utf-8")
    assert main(["lm", "train", str(text), "--order", "2", "-o", str(model)]) == 0
    capsys.readouterr()
    return model


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert main(["evaluate", *map(str, arguments), "--json", "--workers", "1"]) == 0
    tree: dict[str, object] = json.loads(capsys.readouterr().out)
    return tree


@pytest.mark.parametrize("part", ["dev", "test"])
def test_greedy_is_what_the_record_says(run: Path, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "record.json").read_text(encoding="utf-8"))
    tree = evaluated(capsys, run, "--part", part)
    (greedy,) = tree["decoders"]
    assert (tree["part"], greedy["decoder"], greedy["engine"]) == (part, "greedy", "greedy")
    for key in ("wer", "cer", "ser", "words", "characters", "wer_interval_95"):
        assert greedy[key] == record["results"][part][key]
    assert tree["language_model"] is tree["lexicon"] is greedy["chosen_on_dev"] is None


def test_every_step_from_greedy_to_all(run: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = evaluated(
        *(capsys, run, "--part", "test", "--decoder", "beam", "--lm", model, "--lexicon", "train", "--tune"),
        *("--lm-weights", "0.5", "1", "--word-scores", "0", "1", "2"),
    )
    found = {each["decoder"]: each for each in tree["decoders"]}
    assert list(found) == ["greedy", "beam", "beam + model", "beam + model + lexicon"]
    assert tree["language_model"]["name"] == "model.arpa"
    assert tree["lexicon"] == "train"
    assert found["greedy"]["against_greedy"] is found["beam"]["chosen_on_dev"] is None
    assert found["beam"]["against_greedy"]["p"] <= 1
    surface = found["beam + model + lexicon"]["chosen_on_dev"]
    tried = {(point["lm_weight"], point["word_score"], point["prior_weight"]) for point in surface}
    assert len(surface) == len(tried) == 12
    chosen = found["beam + model + lexicon"]["settings"]
    fewest = min(point["word_errors"] for point in surface)
    assert (chosen["lm_weight"], chosen["word_score"]) in {
        (point["lm_weight"], point["word_score"]) for point in surface if point["word_errors"] == fewest
    }
    # Sine tones are easy: with nothing but words of the corpus allowed, no more are wrong than without.
    assert found["beam + model + lexicon"]["wer"] <= found["greedy"]["wer"]


def test_the_table_for_people(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Go\nNO\nsee yes one\n", encoding="utf-8")  # normalised as the model's texts are
    assert (
        main(["evaluate", str(run), "--decoder", "beam", "--lexicon", str(words), "--word-score", "1"]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert "dev part: " in lines[0]
    assert max(map(len, lines[:-1])) <= 80
    assert any("+ lexicon " in line for line in lines)
    assert any("p: paired test against greedy" in line for line in lines)


def test_only_words_of_the_lexicon(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text("go\n", encoding="utf-8")
    tree = evaluated(capsys, run, "--decoder", "beam", "--lexicon", words)
    assert tree["decoders"][2]["decoder"] == "beam + lexicon"
    assert tree["decoders"][2]["words"]["hits"] <= tree["decoders"][0]["words"]["hits"]
    assert tree["decoders"][2]["wer"] > tree["decoders"][0]["wer"]


def test_mistakes(run: Path, model: Path, tmp_path: Path, complaint: Complaint) -> None:
    nowhere = tmp_path / "nowhere"
    assert "--lm is for --decoder beam" in complaint("evaluate", run, "--lm", model)
    assert "--beam is for --decoder beam" in complaint("evaluate", run, "--beam", "5")
    assert "--lm-weight weighs a language model" in complaint(
        "evaluate", run, "--decoder", "beam", "--lm-weight", "1"
    )
    assert "--lm-weight is for --decoder beam" in complaint("evaluate", run, "--lm-weight", "0")
    assert "--tune chooses --lm-weight; leave it out" in complaint(
        "evaluate", run, "--decoder", "beam", "--lm", model, "--lm-weight", "1", "--tune"
    )
    assert "--tune chooses the weights" in complaint("evaluate", run, "--decoder", "beam", "--tune")
    assert "--beams is what --tune chooses from; add --tune" in complaint(
        "evaluate", run, "--decoder", "beam", "--lm", model, "--beams", "5"
    )
    assert "--lexicon model is the words of a language model" in complaint(
        "evaluate", run, "--decoder", "beam", "--lexicon", "model"
    )
    assert "--tune: word_scores needs one value or more, each once" in complaint(
        "evaluate", run, "--decoder", "beam", "--lm", model, "--tune", "--word-scores", "1", "1"
    )
    assert f"{nowhere}" in complaint("evaluate", nowhere)
    assert f"{nowhere}" in complaint("evaluate", run, "--decoder", "beam", "--lm", nowhere)
    assert f"{nowhere}: cannot be read: No such file or directory" in complaint(
        "evaluate", run, "--decoder", "beam", "--lexicon", nowhere
    )
    empty = tmp_path / "empty.txt"
    empty.write_text("\n", encoding="utf-8")
    assert f"{empty}: no words in it" in complaint("evaluate", run, "--decoder", "beam", "--lexicon", empty)
    assert "beam must be 1 or more, got 0" in complaint("evaluate", run, "--decoder", "beam", "--beam", "0")
    assert "expected the folder of a complete run" in complaint("evaluate", run / "record.json")
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("größe\n", encoding="utf-8")
    assert "characters outside the alphabet" in complaint(
        "evaluate", run, "--decoder", "beam", "--lexicon", foreign
    )


def test_the_search_that_the_model_carries(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any file, and to the results of its record."""
    run = searched.finished(tmp_path_factory.getbasetemp() / "searched")
    record = json.loads((run / "record.json").read_text(encoding="utf-8"))
    tree = evaluated(capsys, run, "--part", "test", "--decoder", "beam")
    found = {each["decoder"]: each for each in tree["decoders"]}
    whole = found["beam + model + lexicon"]
    for key in ("wer", "cer", "ser", "words", "characters", "wer_interval_95"):
        assert whole[key] == record["search"]["results"]["test"][key]
    assert whole["prior_weight"] == record["search"]["settings"]["prior_weight"]
    assert found["beam"]["prior_weight"] == 0
    names = {"language_model": "language_model.arpa.gz", "lexicon": "lexicon.txt"}
    for key, name in names.items():
        assert tree[key] == {"name": name, "sha256": record["files"][f"model/{name}"]}
    narrow = evaluated(capsys, run, "--part", "test", "--decoder", "beam", "--beam", "3")  # all else as it is
    (changed,) = [each for each in narrow["decoders"] if each["decoder"] == whole["decoder"]]
    assert changed["settings"] == {**whole["settings"], "beam": 3}


def test_a_model_of_characters(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, model = tmp_path / "text.txt", tmp_path / "letters.arpa"
    text.write_text("go no\nsee yes\none\n", encoding="utf-8")
    assert main(["lm", "train", str(text), "--unit", "character", "--order", "2", "-o", str(model)]) == 0
    capsys.readouterr()
    tree = evaluated(capsys, run, "--decoder", "beam", "--lm", model, "--prior-weight", "0.2")
    assert tree["decoders"][2]["settings"]["lm_unit"] == "token"
    assert (tree["decoders"][1]["prior_weight"], tree["decoders"][2]["prior_weight"]) == (0.0, 0.2)


class Even:
    """A language model to which all words are alike."""

    def start(self) -> int:
        return 0

    def score(self, state: object, word: str) -> tuple[float, int]:
        return -1.0, 0

    def finish(self, state: object) -> float:
        return -1.0

    def __contains__(self, word: str) -> bool:
        return True


PHONES = PhoneTokenizer(
    ("A", "B"), {"a": ("A",), "b": ("B",)}, {"a": 1, "b": 1}, {}, boundaries=True, source=""
)
LETTERS, SPACED = CharacterTokenizer("ab"), CharacterTokenizer(" ab")


@pytest.mark.parametrize(
    ("tokenizer", "unit", "names"),
    [
        (SPACED, "word", ["greedy", "beam", "beam + model", "beam + model + lexicon"]),
        (LETTERS, "word", ["greedy", "beam", "beam + model + lexicon"]),  # nothing else tells words
        (LETTERS, "token", ["greedy", "beam", "beam + model + lexicon"]),
        (PHONES, "word", ["greedy", "beam", "beam + model + lexicon"]),
    ],
)
def test_each_step_can_be_made(tokenizer: Tokenizer, unit: str, names: list[str]) -> None:
    settings = SearchSettings(lm_unit=unit, word_score=1.0)  # type: ignore[arg-type]
    lexicon = Lexicon.of_words(["a", "b"], tokenizer)
    steps = decoders(Decoder("beam", settings, Even(), lexicon), tokenizer)
    assert [step.name for step in steps] == names
    assert [step.reader(tokenizer).name for step in steps] == ["greedy", *["plain"] * (len(names) - 1)]
    assert steps[1].settings == SearchSettings(lm_unit=unit)  # type: ignore[arg-type]


def test_a_bare_search_is_as_it_was_asked_for() -> None:
    wanted = Decoder("beam", SearchSettings(word_score=1.0), prior_weight=0.3)
    assert decoders(wanted, SPACED)[1:] == [wanted]


@pytest.mark.parametrize("settings", [SearchSettings(word_score=1.0), SearchSettings(unknown_score=-5.0)])
def test_a_search_that_cannot_be(settings: SearchSettings) -> None:
    lexicon = Lexicon.of_words(["a"], PHONES) if settings.unknown_score else None
    with pytest.raises(RunError, match="no such search with the tokens of this run: .*phones"):
        decoders(Decoder("beam", settings, None, lexicon), PHONES)
