import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr import recipe
from asr.errors import TokenizerError
from asr.pronunciations import Pronunciations
from asr.tokenizer import PhoneTokenizer, Tokenizer, build_tokenizer, tokenizer_from_json
from asr.tokenizer.phones import refuse_missing_words
from asr.tokenizer.segmentation import Segment

LEXICON = Pronunciations(
    {
        "a": ("EY", "AH"),
        "eight": ("EY T",),
        "eighty": ("EY T IY",),
        "e": ("IY",),
        "o": ("OW",),
        "oh": ("OW",),
        "one": ("W AH N",),
        "t": ("T IY",),
        "zoo": ("Z UW",),
    },
    "my.dict",
)
TEXTS = ["a t e", "one oh one", "eighty one oh", "a o t"]
SETTINGS = recipe.Tokenizer(kind="phones", pronunciations="corpus")
WITHOUT = recipe.Tokenizer(kind="phones", pronunciations="corpus", boundaries=False)
SMALL = {
    "kind": "phones",
    "phones": ["B", "IY"],
    "boundaries": True,
    "source": "x",
    "pronunciations": {"b": ["B IY"]},
    "counts": {"b": 1},
    "pairs": {},
}


def built(settings: recipe.Tokenizer = SETTINGS, texts: list[str] = TEXTS) -> PhoneTokenizer:
    tokenizer = build_tokenizer(settings, texts, LEXICON)
    assert isinstance(tokenizer, PhoneTokenizer)
    return tokenizer


def test_phones_by_hand() -> None:
    tokenizer = built()
    # Those of the first pronunciations of the words of the texts, after the blank and the boundary.
    assert tokenizer.symbols == ("", " ", "AH", "EY", "IY", "N", "OW", "T", "W")
    assert (tokenizer.size, tokenizer.boundary) == (9, 1)
    assert tokenizer.encode("a t") == [3, 1, 7, 4]
    assert tokenizer.encode("one") == [8, 2, 5]
    assert tokenizer.encode("") == []
    assert tokenizer.decode([3, 1, 7, 4]) == "a t"
    assert tokenizer.decode([3, 7, 4]) == "eighty"
    assert tokenizer.decode([]) == ""
    assert tokenizer.spellings("a") == [[3], [2]]
    assert tokenizer.spellings("eight") == [[3, 7]]  # a word that no training text has


def test_without_boundaries() -> None:
    tokenizer = built(WITHOUT)
    assert tokenizer.symbols == ("", "AH", "EY", "IY", "N", "OW", "T", "W")
    assert tokenizer.boundary is None
    assert tokenizer.encode("one a t") == [7, 1, 4, 2, 6, 3]
    # "a t" is as likely as the training texts make it: P(a) P(t) = 2/12 * 2/12 against P(eighty) = 1/12.
    assert tokenizer.decode([7, 1, 4, 2, 6, 3]) == "one eighty"
    assert built(WITHOUT, [*TEXTS, "a t", "a t", "a t"]).decode([2, 6, 3]) == "a t"  # 5/18 * 5/18 and 1/18


@pytest.mark.parametrize("settings", [SETTINGS, WITHOUT], ids=["boundaries", "none"])
def test_texts_come_back(settings: recipe.Tokenizer) -> None:
    tokenizer = built(settings, ["a t e", "one oh one", "one o t"])
    for text in ("one oh one", "t e", "one e"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_homophones_are_chosen_by_the_words_beside_them() -> None:
    tokenizer = built()
    assert tokenizer.choose(["one", "o", "one"]) == ["one", "oh", "one"]  # "one oh one" is a training text
    assert tokenizer.choose(["a", "oh", "t"]) == ["a", "o", "t"]
    assert tokenizer.choose(["eight", "oh", "zoo"])[::2] == ["eight", "zoo"]  # in no training text
    assert tokenizer.choose([]) == []


def test_words_have_places() -> None:
    tokenizer = built()
    boundary, ah, ey, iy, n, ow, t, w = range(1, 9)
    # "eighty" with a phone too many.
    heard = [boundary, w, ah, n, boundary, boundary, ey, t, ah, iy, boundary]
    assert tokenizer.segment(heard) == (Segment("one", 1, 4), Segment("eighty", 6, 10))
    # A boundary inside a word, and none between two: one edit each.
    assert tokenizer.segment([ey, boundary, t, iy]) == (Segment("a", 0, 1), Segment("t", 2, 4))
    assert tokenizer.segment([w, ah, n, ow]) == (Segment("one", 0, 3), Segment("oh", 3, 4))
    assert ow in tokenizer.encode("oh")


@pytest.mark.parametrize("settings", [SETTINGS, WITHOUT], ids=["boundaries", "none"])
@given(data=st.data())
def test_any_tokens_decode_to_words_of_the_texts(settings: recipe.Tokenizer, data: st.DataObject) -> None:
    tokenizer = built(settings)
    tokens = data.draw(st.lists(st.integers(1, tokenizer.size - 1), max_size=20))
    text = tokenizer.decode(tokens)
    assert text == " ".join(text.split())
    assert set(text.split()) <= {word for text in TEXTS for word in text.split()}
    tokenizer.encode(text)
    last = 0
    for segment in tokenizer.segment(tokens):
        assert last <= segment.first < segment.last <= len(tokens)
        assert tokenizer.boundary not in (tokens[segment.first], tokens[segment.last - 1])
        last = segment.last


@pytest.mark.parametrize("tokens", [[0], [1, -1], [1, 99]])
def test_decoding_refuses_what_is_no_token(tokens: list[int]) -> None:
    with pytest.raises(ValueError, match=r"tokens must be 1 to 8 \(0 is the blank\)"):
        built().decode(tokens)


def test_words_that_cannot_be_written() -> None:
    with pytest.raises(TokenizerError) as caught:
        built().encode("one two zoo two three")
    assert str(caught.value) == (
        "no pronunciation in my.dict for two, three: leave these words out, or train with a lexicon that has them; "
        "only pronunciations with phones that no training text has for zoo: leave these words out"
    )
    with pytest.raises(TokenizerError, match="no training text has for zoo"):
        built().spellings("zoo")


def test_training_texts_with_words_that_are_missing() -> None:
    refuse_missing_words([("u1", "one oh"), ("u2", "")], LEXICON)
    texts = [("u1", "one two two"), ("u2", "two three"), ("u3", "one")]
    with pytest.raises(TokenizerError) as caught:
        refuse_missing_words(texts, LEXICON)
    assert str(caught.value).startswith(
        "my.dict has no pronunciation for 2 words of the training texts: 'two' (utterance u1 and 1 more), 'three' "
        "(utterance u2). Add a line for each"
    )
    many = [(f"u{number}", f"word{number:02d}") for number in range(12)]
    with pytest.raises(TokenizerError, match=r"for 12 words .* 'word09' \(utterance u9\) and 2 more\. Add"):
        refuse_missing_words(many, LEXICON)


def test_texts_of_another_language() -> None:
    with pytest.raises(
        TokenizerError, match=r"no pronunciation for any of the 2 words of the training texts \(ja, nein\)"
    ):
        built(texts=["ja nein"])
    with pytest.raises(TokenizerError, match="the training texts have no characters at all"):
        built(texts=["", " "])


def test_the_order_of_texts_does_not_matter() -> None:
    assert built().to_json() == built(texts=TEXTS[::-1]).to_json()
    assert built().digest() != built(WITHOUT).digest()


def test_json_and_back() -> None:
    tokenizer: Tokenizer = built()
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert isinstance(again, PhoneTokenizer)
    assert again.digest() == tokenizer.digest()
    assert again.source == "my.dict"
    assert again.encode("a t") == tokenizer.encode("a t")
    assert again.decode([6]) == tokenizer.decode([6]) == "oh"  # a text ends in it, and none in "o"


def test_digests_never_change() -> None:
    """Records hold them."""
    small = PhoneTokenizer(["B", "IY"], {"b": ["B IY"]}, {"b": 1}, {}, boundaries=True, source="x")
    assert small.to_json() == SMALL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phones": []}, "there is at least one phone"),
        ({"phones": ["B", "B"]}, "each is one token"),
        ({"phones": ["B C"]}, "texts without spaces"),
        ({"phones": [1]}, "texts without spaces"),
        ({"phones": ["B"]}, "words of the training texts that these phones cannot write: b"),
        ({"pronunciations": {"b": []}}, "phones parted by single spaces"),
        ({"pronunciations": {"b": ["B  IY"]}}, "phones parted by single spaces"),
        ({"pronunciations": {"b": 3}}, "cannot be built"),
        ({"pronunciations": {"b c": ["B IY"]}}, "a word has no spaces"),
        ({"counts": {}}, "at least one word"),
        ({"counts": {"b": 0}}, "without a count or pronunciation: 'b'"),
        ({"counts": {"b": True}}, "without a count or pronunciation: 'b'"),
        ({"counts": {"c": 1}}, "without a count or pronunciation: 'c'"),
        ({"pairs": {"b": {"c": 1}}}, "without a count or pronunciation: 'c'"),
        ({"pairs": {"b": 1}}, "cannot be built"),
        ({"boundaries": 1}, "not a tokenizer"),
        ({"more": 1}, "not a tokenizer"),
    ],
)
def test_json_of_something_else(changes: dict[str, object], message: str) -> None:
    tokenizer_from_json(SMALL)
    with pytest.raises(TokenizerError, match=message):
        tokenizer_from_json({**SMALL, **changes})


def test_a_word_gives_way_to_those_alone_that_can_be_said_in_all_its_ways() -> None:
    """What was heard of "a" may have been AH, and "eh" is never said so; "ah" can always have been "a"."""
    texts = ["eh eh eh", "t ah t", "a t", "a t"]
    lexicon = Pronunciations({"a": ("EY", "AH"), "ah": ("AH",), "eh": ("EY",), "t": ("T IY",)}, "my.dict")
    tokenizer = build_tokenizer(SETTINGS, texts, lexicon)
    assert isinstance(tokenizer, PhoneTokenizer)
    assert tokenizer.choose(["eh", "a", "eh"])[1] == "a"  # "eh eh eh" is a training text
    assert tokenizer.choose(["t", "a", "t"]) == ["t", "a", "t"]  # and so is "t ah t"
    assert tokenizer.choose(["ah", "t"]) == ["a", "t"]
