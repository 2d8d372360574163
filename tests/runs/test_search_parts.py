"""What a search is made of: the right texts, words and files, and a word about everything that cannot be."""

import hashlib
from pathlib import Path
from typing import Any

import miniature
import pytest

from asr.errors import AsrError, RecipeError
from asr.lm.train import Settings, train
from asr.recipe import Recipe
from asr.recipe_file import load_recipe, named_files, to_toml
from asr.runs.named_files import check_files, digests_of, find_files
from asr.runs.search_parts import describe_language_model, describe_lexicon, make_parts
from asr.tokenizer import CharacterTokenizer, PhoneTokenizer

TOKENIZER = CharacterTokenizer(" eghnosy")
TRAIN = ["go on", "no one goes", "go on", ""]
TEXTS = {"train": TRAIN, "dev": ["go on", "no yes"], "test": ["so"]}


def recipe(**decoder: Any) -> Recipe:
    return miniature.recipe(decoder={"kind": "beam", **decoder})


def test_of_the_training_texts(tmp_path: Path) -> None:
    wanted = recipe(language_model="train", lexicon="train", order=2, lm_weight=0.7, word_score=1.0, beam=9)
    parts = make_parts(wanted, TOKENIZER, TRAIN, {}, tmp_path)
    settings = parts.decoder.settings
    assert settings is not None and parts.decoder.engine == "plain"
    assert (settings.lm_weight, settings.word_score, settings.beam, settings.unknown_score) == (
        0.7,
        1.0,
        9,
        None,
    )
    model = describe_language_model(parts, TEXTS)
    assert model is not None
    assert (model.source, model.unit, model.order, model.words) == ("train", "word", 2, 7)
    assert model.ngrams[0] == len({"go", "on", "no", "one", "goes", "<s>", "</s>", "<unk>"})
    # Sorted, so that the order of the utterances has no say; a text without words is no sentence.
    text = b"go on\ngo on\nno one goes\n"
    assert [each.model_dump() for each in model.texts] == [
        {"name": "train", "sha256": hashlib.sha256(text).hexdigest(), "sentences": 3}
    ]
    assert model.shared == {"dev": 1, "test": 0}
    assert model.unknown == {"dev": 1, "test": 1}
    assert model.perplexity["dev"] is not None and model.perplexity["dev"] > 1
    words = describe_lexicon(parts, TOKENIZER, TEXTS)
    assert words is not None
    assert (words.source, words.words, words.left_out, words.open) == ("train", 5, 0, False)
    assert words.missing == {"dev": 1, "test": 1}  # "yes" and "so" are out of reach


def test_an_open_lexicon_lets_other_words_in(tmp_path: Path) -> None:
    parts = make_parts(
        recipe(lexicon="train", open_lexicon=True, unknown_score=-4.0), TOKENIZER, TRAIN, {}, tmp_path
    )
    assert parts.decoder.settings is not None and parts.decoder.settings.unknown_score == -4.0
    assert parts.decoder.settings.lm_weight == 0.0  # there is nothing to weigh
    assert describe_language_model(parts, TEXTS) is None


def test_a_text_a_model_and_a_list_of_words(tmp_path: Path) -> None:
    text, arpa, words = tmp_path / "text.txt", tmp_path / "given.arpa", tmp_path / "words.txt"
    text.write_text("No one!\nso so\n", encoding="utf-8")
    words.write_text("GO\nno\nöl\n", encoding="utf-8")
    files = {"text.txt": text, "given.arpa": arpa, "words.txt": words}
    made = make_parts(
        recipe(language_model="text.txt", lexicon="words.txt"), TOKENIZER, TRAIN, files, tmp_path
    )
    model, lexicon = describe_language_model(made, TEXTS), describe_lexicon(made, TOKENIZER, TEXTS)
    assert model is not None and lexicon is not None
    assert (model.source, model.texts[0].sentences, model.shared) == ("text.txt", 2, {"dev": 0, "test": 0})
    assert model.texts[0].sha256 == hashlib.sha256(text.read_bytes()).hexdigest()
    assert (lexicon.words, lexicon.left_out) == (2, 1)  # the model cannot write ö
    train([text], arpa, Settings(order=2))
    taken = make_parts(
        recipe(language_model="given.arpa", lexicon="model"), TOKENIZER, TRAIN, files, tmp_path
    )
    told = describe_language_model(taken, TEXTS)
    assert told is not None and told.sha256 == hashlib.sha256(arpa.read_bytes()).hexdigest()
    assert (told.shared, told.texts) == (None, model.texts)  # what lies beside it says of what it was made
    (tmp_path / "given.arpa.json").unlink()
    silent = make_parts(recipe(language_model="given.arpa"), TOKENIZER, TRAIN, files, tmp_path)
    told = describe_language_model(silent, TEXTS)
    assert told is not None and (told.texts, told.words) == ([], 0)


def spoken(*more: str) -> PhoneTokenizer:
    """A tokenizer whose lexicon has the words of TRAIN and others, each said as it is written."""
    words = {*" ".join(TRAIN).split(), *more}
    return PhoneTokenizer(
        tuple("eghnos"),
        {word: [" ".join(word)] for word in words},
        {"go": 2},
        {},
        boundaries=True,
        source="x",
    )


def test_all_words_that_have_a_pronunciation(tmp_path: Path) -> None:
    """The model knows those that its text lacks, so they have a probability; what no phone spells is left out."""
    wanted = miniature.recipe(
        tokenizer={"kind": "phones", "pronunciations": "corpus"},
        decoder={"kind": "beam", "language_model": "train", "lexicon": "pronunciations", "classes": 2},
    )
    tokenizer = spoken("so", "ho", "yes")
    parts = make_parts(wanted, tokenizer, TRAIN, {}, tmp_path)
    words, model = describe_lexicon(parts, tokenizer, TEXTS), describe_language_model(parts, TEXTS)
    assert words is not None and model is not None
    assert (words.source, words.words, words.left_out) == ("pronunciations", 7, 1)  # of "yes" y is unknown
    assert words.missing == {"dev": 1, "test": 0}
    assert model.unknown == {"dev": 1, "test": 0}
    assert model.ngrams[0] == 7 + len({"<s>", "</s>", "<unk>"})
    assert parts.decoder.lexicon is not None and {"so", "ho"} < parts.decoder.lexicon.words
    assert parts.language_model is not None
    advance, start = parts.language_model.model.advance, parts.language_model.model.start
    assert advance(start, "so")[0] == advance(start, "ho")[0] > advance(start, "<unk>")[0] - 3


def test_classes_are_those_of_a_model_that_is_made(tmp_path: Path) -> None:
    ngrams = [
        describe_language_model(
            make_parts(recipe(language_model="train", classes=n), TOKENIZER, TRAIN, {}, tmp_path), TEXTS
        )
        for n in (0, 1, 100)
    ]
    words, one, all_alone = (each.ngrams if each else [] for each in ngrams)
    assert words == all_alone  # a class for each word
    assert words[0] == one[0] and words[1] < one[1]  # every word after every word


def test_pronunciations_are_those_of_phones(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match='lexicon "pronunciations" is that of a tokenizer of phones'):
        make_parts(recipe(lexicon="pronunciations"), TOKENIZER, TRAIN, {}, tmp_path)


def test_characters(tmp_path: Path) -> None:
    parts = make_parts(recipe(language_model="train", unit="character"), TOKENIZER, TRAIN, {}, tmp_path)
    model = describe_language_model(parts, TEXTS)
    assert parts.decoder.settings is not None and parts.decoder.settings.lm_unit == "token"
    assert model is not None and (model.unit, model.unknown) == ("character", {"dev": 1, "test": 0})  # y


@pytest.mark.parametrize(
    ("decoder", "contents", "said"),
    [
        ({"lexicon": "x"}, "\n", "x: no words in it"),
        ({"lexicon": "x"}, "öl\n", "lexicon 'x': the model can write none of its 1 words"),
        ({"language_model": "x"}, "\n", "x: no text"),
        ({"language_model": "x"}, "\\data\\\nngram 1=1\n", "x"),
        ({"language_model": "x", "order": 3}, "\\data\\\n", "decoder.order"),
        ({"language_model": "x", "classes": 3}, "\\data\\\n", "decoder.classes"),
    ],
)
def test_files_that_cannot_be_used(decoder: dict[str, Any], contents: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(contents, encoding="utf-8")
    with pytest.raises(AsrError) as caught:
        make_parts(recipe(**decoder), TOKENIZER, TRAIN, {"x": path}, tmp_path / "scratch")
    assert said in str(caught.value)


def test_characters_of_other_tokens_make_no_model(tmp_path: Path) -> None:
    tree = {"kind": "subwords", "size": 20}
    wanted = miniature.recipe(
        tokenizer=tree, decoder={"kind": "beam", "language_model": "train", "unit": "character"}
    )
    with pytest.raises(RecipeError, match="needs tokenizer.kind = \"characters\", got 'subwords'"):
        make_parts(wanted, TOKENIZER, TRAIN, {}, tmp_path)


def test_scores_that_are_tried_are_checked_before_the_training(tmp_path: Path) -> None:
    digits = CharacterTokenizer("eghnosy")  # no space: nothing tells words
    wanted = {"language_model": "train", "unit": "character", "tune": True}
    with pytest.raises(RecipeError, match="word_score needs words"):
        make_parts(recipe(**wanted), digits, ["go", "no"], {}, tmp_path)
    make_parts(recipe(**wanted, word_scores=[0.0]), digits, ["go", "no"], {}, tmp_path)


# ---- files that a recipe names


def test_names_are_found_from_the_recipe_and_travel(tmp_path: Path) -> None:
    wanted = recipe(language_model="lm/text.txt", lexicon="train")
    assert named_files(wanted) == {"decoder.language_model": "lm/text.txt"}
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here / "lm", there):
        folder.mkdir(parents=True)
        (folder / "text.txt").write_text(folder.name, encoding="utf-8")
    assert find_files(wanted, [here]) == {"lm/text.txt": here / "lm" / "text.txt"}
    assert find_files(wanted, [there, here]) == {
        "lm/text.txt": there / "text.txt"
    }  # the name alone does, too
    assert find_files(wanted, [tmp_path], of_training=True) == {}
    with pytest.raises(RecipeError, match=r"decoder\.language_model: no file 'lm/text.txt' .*--files FOLDER"):
        find_files(wanted, [tmp_path])


def test_a_file_of_another_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("go", encoding="utf-8")
    found = digests_of({"text.txt": tmp_path / "text.txt"})
    check_files(found, found, "the record", "")
    check_files(found, {}, "a record without it", "")
    with pytest.raises(AsrError, match=r"text\.txt: is not the file of the record: .*; do something"):
        check_files(found, {"text.txt": "0" * 64}, "the record", "do something")


def test_a_recipe_that_extends_another_one_finds_its_files(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "base" / "a.toml").write_text(
        'name = "a"\n[corpus]\nname = "an4"\ndev_speakers = 1\n'
        '[decoder]\nkind = "beam"\nlanguage_model = "lm/x.txt"\nlexicon = "train"\n',
        encoding="utf-8",
    )
    (tmp_path / "own" / "b.toml").write_text('extends = "../base/a.toml"\n', encoding="utf-8")
    decoder = load_recipe(tmp_path / "own" / "b.toml").decoder
    assert (decoder.language_model, decoder.lexicon) == ("../base/lm/x.txt", "train")


def test_a_file_called_as_a_word_is_called_stays_a_file(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(to_toml(recipe(language_model="./train")))
    (tmp_path / "own.toml").write_text('extends = "base.toml"\n')
    assert load_recipe(tmp_path / "own.toml").decoder.language_model == "./train"


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        ({"language_model": "train"}, 'language_model is for a search: set kind = "beam"'),
        ({"kind": "beam", "language_model": "/data/x.arpa"}, "a place on one machine"),
        ({"kind": "beam", "open_lexicon": True}, "open_lexicon needs a lexicon"),
        ({"kind": "beam", "lexicon": "model"}, 'lexicon = "model" needs a language_model of words'),
        ({"kind": "beam", "order": 3}, "order is that of a language model"),
        ({"kind": "beam", "classes": 3}, "classes are those of a language model of words"),
        (
            {"kind": "beam", "tune": True},
            "tune chooses the weights of a language model, a lexicon or an attention decoder",
        ),
        ({"kind": "beam", "lm_weights": [1.0, 1.0]}, "lm_weights needs one value or more, each once"),
        ({"kind": "beam", "word_scores": []}, "word_scores needs one value or more"),
        ({"kind": "beam", "beam": 0}, "decoder.beam"),
        ({"kind": "flashlight"}, "decoder.kind"),
        (
            {"kind": "beam", "lm": "x"},
            "unknown key decoder.lm; allowed here: attention_readings, attention_weight",
        ),
    ],
)
def test_recipes_that_cannot_be(decoder: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        miniature.recipe(decoder=decoder)
    assert said in str(caught.value)
