"""Texts that are not written as the others are, or cannot be what was said."""

import pytest

from asr.cleaning.pace import Pace
from asr.cleaning.shared import near_texts, shared_speakers, shared_texts
from asr.cleaning.texts import Writing, decoded_again
from asr.utterance import Utterance

ENGLISH = [
    f"the {a} and the {b}" for a in ("cat", "dog", "fox", "quiz") for b in ("jam", "vex", "park", "who's")
] * 15
RUSSIAN = ["мама мыла раму", "съешь же ещё этих мягких булок", "в чащах юга жил бы цитрус", "да"] * 40


def kinds(text: str, corpus: list[str] = ENGLISH) -> dict[str, str | None]:
    """What is wrong with a text of the corpus, with the text as it should be."""
    writing = Writing([*corpus, text], "plain-1")
    return {one.kind: one.mended for one in writing.complaints(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cat and the dog", {}),
        ("The Cat’s jam", {}),
        ("", {"no-text": None}),
        (" \u200b\t", {"no-text": None}),
        ("the cat 22 times", {"number": None}),
        ("the <noise> cat", {"markup": None}),
        ("the [laughs] cat", {"markup": None}),
        ("the cat &amp; dog", {"markup": None}),
        ("see https://example.org/", {"markup": None}),
        ("the ++um++ cat", {"markup": None}),
        ("the\x07 cat", {"invisible": "the cat"}),
        ("\ufeffthe cat", {"invisible": "the cat"}),
        ("the c\u0430t", {"lookalike": "the cat"}),  # Cyrillic a
        ("\u0410 cat", {"lookalike": "A cat"}),  # a whole word of one
        ("the кот", {"script": None}),  # nothing looks like к
        ("caf\u00e9", {"character": None}),
        ("the cat # dog", {"character": None}),
        ("the cat\ufffd", {"encoding": None}),
    ],
)
def test_english(text: str, expected: dict[str, str | None]) -> None:
    assert kinds(text) == expected


def test_wrong_decoding_is_undone() -> None:
    for text in ("naïve café", "Größe", "日本語", "что"):
        assert decoded_again(text) is None or text == "что"
        assert decoded_again(text.encode().decode("latin-1")) == text
    assert "encoding" in kinds("the cafÃ©")


def test_russian() -> None:
    assert kinds("мама", RUSSIAN) == {}
    assert kinds("м\u0061ма", RUSSIAN) == {"lookalike": "мама"}  # Latin a
    assert kinds("the cat", RUSSIAN) == {"script": None}


def test_a_corpus_of_two_scripts_is_left_in_peace() -> None:
    both = [*RUSSIAN, *ENGLISH]
    assert kinds("да and да", both) == {}
    assert kinds("the c\u0430t", both).keys() <= {"lookalike"}


def test_japanese_and_chinese_mix_scripts_and_have_rare_characters() -> None:
    japanese = [f"これは{chr(0x4E00 + number)}のテストです" for number in range(300)]
    assert kinds("東京タワーへ行く", japanese) == {}


def test_numbers_where_all_texts_have_them() -> None:
    assert "number" not in kinds("room 22", [f"room {number}" for number in range(150)])


def test_joiners_are_letters_where_a_script_needs_them() -> None:
    persian = ["می‌خواهم", "کتاب‌ها", "این خوب است"] * 50
    assert kinds("می‌روم", persian).keys() <= {"character"}


def test_pace() -> None:
    """Texts of 12 letters a second, some more, some less."""
    texts = ["a" * (12 + number % 5) for number in range(60)]
    pace = Pace.of(texts, [1.0] * 60)
    assert pace.complaint("a" * 14, 1.0, 1.0) is None
    assert pace.complaint("a" * 20, 1.2, 1.0) is None
    fast = pace.complaint("a" * 40, 1.0, 1.0)
    assert fast is not None and fast.kind == "too-long"
    little = pace.complaint("a" * 5, 20.0, 19.0)
    assert little is not None and little.kind == "too-short"
    assert pace.complaint("a" * 5, 20.0, 0.4) is None  # said within a silence
    chinese = pace.complaint("中" * 15, 1.0, 1.0)
    assert chinese is not None and chinese.kind == "too-long"
    assert Pace.of([], []).complaint("a" * 400, 1.0, 1.0) is not None  # nobody says it, whatever the corpus


def said(name: str, text: str, speaker: str = "") -> Utterance:
    return Utterance(name, f"{name}.wav", 1.0, text, speaker)


def test_what_parts_share() -> None:
    sentence = "this is a long sentence that nobody says by chance"
    parts = {
        "train": [said("a", sentence, "anna"), said("b", "yes", "bert"), said("c", "go on", "bert")],
        "test": [said("t", sentence, "emil"), said("u", "yes", "bert")],
    }
    texts = {name: [one.text for one in each] for name, each in parts.items()}
    assert [(one.part, one.id, one.others) for one in shared_texts(parts, texts)] == [
        ("test", "t", ("train/a",))
    ]
    assert [(one.id, one.found) for one in shared_speakers(parts)] == [
        ("bert", "speaker bert has 2 of train, 1 of test")
    ]


def test_texts_that_are_nearly_one() -> None:
    first = "she sells sea shells by the sea shore in the summer"
    parts = {
        "train": [
            said("a", first),
            said("b", first),  # the very same is no slip
            said("c", first.replace("sea sh", "see sh", 1)),
            said("d", "an entirely different sentence that has as many letters"),
        ]
    }
    texts = {"train": [one.text for one in parts["train"]]}
    assert [(one.id, one.others) for one in near_texts(parts, texts)] == [("c", ("train/a",))]
