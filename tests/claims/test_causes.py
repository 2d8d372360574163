"""What else is different: each kind planted by itself and named, and first among what is different by the way."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from by_hand import of_format_1, record, with_key, with_part
from history import digest

from asr.claims.causes import _SECTIONS, Cause, Kind, causes
from asr.claims.trails import Place
from asr.recipe import Recipe
from asr.runs.record import Record

Plant = Callable[[Record], Record]
FIRST = record()
PLACES: tuple[Place | None, ...] = (*get_args(Place), None)


def key(**changes: Any) -> Plant:
    return lambda made: with_key(made, **changes)


def part(name: str, **changes: Any) -> Plant:
    return lambda made: with_part(made, name, **changes)


def session(**changes: Any) -> Plant:
    def plant(made: Record) -> Record:
        return made.model_copy(update={"sessions": [made.sessions[-1].model_copy(update=changes)]})

    return plant


def code(made: Record) -> Record:
    last = made.sessions[-1]
    other = last.code.model_copy(update={"digest": digest("other code"), "commit": "d" * 40, "changed": True})
    return session(code=other)(made)


def on_the_way(made: Record) -> Record:
    """It was interrupted, and went on with another version of a library."""
    (last,) = made.sessions
    changed = last.model_copy(update={"differs": ["torch 2.8.0 before, 2.9.0 now"]})
    return made.model_copy(update={"sessions": [last, changed]})


def numerics(**changes: Any) -> Plant:
    def plant(made: Record) -> Record:
        assert made.numerics is not None
        return made.model_copy(update={"numerics": made.numerics.model_copy(update=changes)})

    return plant


def environment(**changes: Any) -> Plant:
    return lambda made: made.model_copy(update={"environment": made.environment.model_copy(update=changes)})


def package(**versions: str) -> Plant:
    return environment(packages={**FIRST.environment.packages, **versions})


# Where two trainings can part because of something.
Places = tuple[Place | None, ...]
HEARD: Places = ("audio", "epoch")
MADE: Places = ("start", "loss", "epoch")
LEARNED: Places = ("update", "loss", "epoch")
COMPUTED: Places = ("loss", "gradient", "update", "epoch")
ANYWHERE: Places = ("start", "audio", *COMPUTED)

# What is planted, its kind, what it is called, and where it can show first.
PLANTS: list[tuple[Plant, Kind, str, Places]] = [
    (key(seed=7), "seed", "recipe key seed", ("start", *HEARD)),
    (key(corpus__split_key="x"), "recipe of the data", "recipe key corpus.split_key", ("start", *HEARD)),
    (key(corpus__dev_speakers=2), "recipe of the data", "recipe key corpus.dev_speakers", HEARD),
    (
        key(tokenizer__alphabet="ab"),
        "recipe of the data",
        "recipe key tokenizer.alphabet",
        ("start", "epoch"),
    ),
    (key(augment__noise_snr=[10.0, 20.0]), "recipe of the data", "recipe key augment.noise_snr.1", HEARD),
    (key(train__utterances=2), "recipe of the data", "recipe key train.utterances", HEARD),
    (key(train__seconds=9.0), "recipe of the data", "recipe key train.seconds", HEARD),
    (key(train__micro_batches=1), "recipe of the data", "recipe key train.micro_batches", HEARD),
    (key(front_end__mels=30), "recipe of the model", "recipe key front_end.mels", MADE),
    (key(model__dropout=0.3), "recipe of the model", "recipe key model.dropout", ("loss", "epoch")),
    (key(init={"from": "other"}), "recipe of the model", "recipe key init.from", MADE),
    (key(spec_augment__time_masks=0), "recipe of the model", "recipe key spec_augment.time_masks", ("loss",)),
    (key(train__learning_rate=0.1), "recipe of the training", "recipe key train.learning_rate", LEARNED),
    (key(train__clip=9.0), "recipe of the training", "recipe key train.clip", LEARNED),
    (key(train__averaging=0.1), "recipe of the training", "recipe key train.averaging", ("update", "epoch")),
    (key(train__patience=1), "recipe of the training", "recipe key train.patience", ("end",)),
    # The learning rate falls until the last epoch.
    (key(train__epochs=9), "recipe of the training", "recipe key train.epochs", ("end", *LEARNED)),
    (key(numerics__determinism="off"), "determinism", "recipe key numerics.determinism", COMPUTED),
    (numerics(gradient_sum="float32"), "determinism", "gradient_sum", ("gradient", "update", "epoch")),
    (numerics(deterministic_algorithms=False), "determinism", "deterministic_algorithms", COMPUTED),
    (part("train", digest="e" * 64), "training data", "the train part of an4", ("start", *HEARD)),
    (part("train", manifest="e" * 64), "names of utterances", "the digest of train's ids", HEARD),
    # They decide which weights are best, and when to stop.
    (
        part("dev", digest="e" * 64),
        "development data",
        "the dev part of an4",
        ("cursor", "end", "epoch", None),
    ),
    (part("test", digest="e" * 64), "test data", "the test part of an4", (None,)),
    (session(device="cuda: H100"), "device", "the device", COMPUTED),
    (numerics(threads=4), "threads", "threads", ("start", *COMPUTED)),
    (numerics(aten="AVX512"), "instructions", "torch's own kernels", ("start", *COMPUTED)),
    (numerics(onednn="AVX-512"), "instructions", "oneDNN", COMPUTED),
    (numerics(mkl="OFF"), "instructions", "reproducibility mode of MKL", ("start", *COMPUTED)),
    (numerics(float32={"matmul": "tf32"}), "instructions", "float32", COMPUTED),
    (package(torch="2.10.0"), "libraries", "torch", ANYWHERE),
    (
        environment(torch_build={"blas": "x", "onednn": "3.5"}),
        "libraries",
        "torch's blas",
        ("start", *COMPUTED),
    ),
    (package(soundfile="0.14"), "audio libraries", "soundfile", HEARD),
    (environment(libsndfile="1.3"), "audio libraries", "libsndfile", HEARD),
    (environment(processor="Another"), "machine", "processor", ("start", *COMPUTED)),
    (environment(libc="musl 1.2"), "machine", "libc", COMPUTED),
    (code, "code", "Attest", (*ANYWHERE, "end", None)),
    (on_the_way, "change between sessions", "what changed on the way", COMPUTED),
    (key(score__batch_utterances=2), "recipe of the score", "recipe key score.batch_utterances", (None,)),
    (key(decoder={"kind": "beam"}), "recipe of the decoder", "recipe key decoder.kind", (None,)),
]
# Those of a training that begins with another model.
BEGUN = with_key(FIRST, init={"from": "other"})
NAMES = [what for _, _, what, _ in PLANTS]


def test_every_kind_is_planted() -> None:
    assert {kind for _, kind, _, _ in PLANTS} | {"layout"} == set(get_args(Kind))


def test_every_table_of_a_recipe_is_of_a_kind() -> None:
    """Or two runs that differ in it could not be compared."""
    assert _SECTIONS.keys() == Recipe.model_fields.keys() - {"name"}


def test_learning_from_errors_is_named() -> None:
    for place in ("loss", "gradient", "update", "epoch"):
        (found,) = causes(BEGUN, with_key(BEGUN, risk__kind="sampled"), place)
        assert (found.kind, found.what) == ("recipe of the training", "recipe key risk.kind")
        assert found.likely


@pytest.mark.parametrize(("plant", "kind", "what", "places"), PLANTS, ids=NAMES)
def test_what_is_planted_is_named_and_nothing_else(
    plant: Plant, kind: Kind, what: str, places: Places
) -> None:
    second = plant(FIRST)
    for place in PLACES:
        (found,) = causes(FIRST, second, place)
        assert (found.kind, found.what) == (kind, what)
        assert found.first != found.second
        if place in places:
            assert found.likely, place
        (turned,) = causes(second, FIRST, place)
        assert {turned.first, turned.second} == {found.second, found.first}


BY_THE_WAY = ("code", "machine", "device", "change between sessions")


def by_the_way(made: Record) -> Record:
    """Other code on other workers and another machine, later: what is often different, and seldom the reason."""
    made = session(workers=8, processes=4)(code(made))
    system = environment(system="Linux 7.0", python="3.13.0", cores=64, memory=2**40)
    return system(made).model_copy(update={"command": "asr reproduce record.json"})


@pytest.mark.parametrize(
    ("plant", "what", "places"),
    [(plant, what, places) for plant, kind, what, places in PLANTS if kind not in BY_THE_WAY],
    ids=[what for _, kind, what, _ in PLANTS if kind not in BY_THE_WAY],
)
def test_what_is_planted_comes_first(plant: Plant, what: str, places: Places) -> None:
    for place in places:
        found = causes(FIRST, plant(by_the_way(FIRST)), place)
        assert found[0].what == what, (place, [cause.what for cause in found])
        assert {cause.kind for cause in found[-2:]} == {"layout"}
        assert len(found) == 6


def test_a_recipe_comes_before_the_data_that_it_makes() -> None:
    """Other development speakers are other training data, too: the key was changed, the data followed."""
    second = key(corpus__split_key="x")(FIRST)
    for name in ("train", "dev"):
        second = part(name, digest="e" * 64, manifest="f" * 64)(second)
    found = causes(FIRST, second, "audio")
    assert [cause.what for cause in found[:2]] == ["recipe key corpus.split_key", "the train part of an4"]


def test_a_changed_mode_comes_before_what_it_changes() -> None:
    """Without determinism the libraries choose: threads and instructions follow."""
    second = key(numerics__determinism="off")(FIRST)
    second = numerics(gradient_sum="float32", threads=2, mkl="OFF", onednn="AVX-512")(second)
    for place in ("loss", "gradient", "update"):
        found = causes(FIRST, second, place)
        assert found[0].what == "recipe key numerics.determinism"
        assert [cause.kind for cause in found] == ["determinism"] * 2 + ["threads"] + ["instructions"] * 2


@pytest.mark.parametrize("name", ["workers", "processes"])
def test_layouts_are_listed_and_never_likely(name: str) -> None:
    second = session(**{name: 7})(FIRST)
    for place in PLACES:
        (found,) = causes(FIRST, second, place)
        assert (found.kind, found.what, found.second, found.likely) == ("layout", name, "7", False)


@pytest.mark.parametrize(
    "plant",
    [
        key(name="other"),
        key(corpus__waive=["texts", "audio"]),
        key(corpus__waive=[]),
        key(train__checkpoint_seconds=1.0),
        key(train__digest_every=1),
        key(train__keep_checkpoints=0),
        key(score__margin=0.5),
        environment(cores=64, memory=2**40),
        session(started="2027-01-01T00:00:00+00:00", finished="2027-01-02T00:00:00+00:00", peak_memory=1),
        lambda made: made.model_copy(update={"command": "other", "times": None, "seal": {"x": "y"}}),
    ],
)
def test_what_has_no_effect_is_no_cause(plant: Plant) -> None:
    for place in PLACES:
        assert causes(FIRST, plant(FIRST), place) == []


def test_nothing_is_different() -> None:
    assert causes(FIRST, FIRST, "loss") == []


def test_who_differs_is_named_where_it_is_known() -> None:
    second = part("dev", digest="e" * 64)(part("train", digest="e" * 64)(FIRST))
    found = causes(FIRST, second, "audio", "changed in train: an1-bert-b")
    assert found[0].kind == "training data"
    assert str(found[0]) == (
        "training data: the train part of an4 (changed in train: an1-bert-b) is "
        f"10 utterances, 10 s, {digest('audio of', 'train')[:12]}… in the first, "
        "10 utterances, 10 s, eeeeeeeeeeee… in the second"
    )


def test_a_change_in_words() -> None:
    (found,) = causes(FIRST, key(corpus__split_key="x")(FIRST), "audio")
    words = 'recipe of the data: recipe key corpus.split_key is "dev" in the first, "x" in the second'
    assert (str(found), found.likely) == (words, True)
    (found,) = causes(FIRST, code(FIRST), "loss")
    assert found.second == f"0.1.0 ({'d' * 12}, changed, {digest('other code')[:12]}…)"
    removed = environment(packages={"torch": "2.9.0", "soundfile": "0.13.1"})(FIRST)
    (found,) = causes(FIRST, removed, "loss")
    assert found == Cause("libraries", "numpy", "2.3.0", "none", likely=True)


def test_records_of_format_1_tell_what_was_asked_for() -> None:
    """They do not know what took effect; a mode that neither had set is no difference."""
    first = of_format_1(FIRST)
    assert causes(first, first, "epoch") == []
    assert causes(first, FIRST, "epoch") == []
    variables = {"OMP_NUM_THREADS": "4", "MKL_CBWR": "AVX2,STRICT", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    second = environment(variables=variables, instructions="AVX512")(first)
    for one, other in (
        (first, second),
        (first, environment(variables=variables, instructions="AVX512")(FIRST)),
    ):
        found = causes(one, other, "epoch")
        assert [(cause.kind, cause.what) for cause in found] == [
            ("threads", "OMP_NUM_THREADS"),
            ("instructions", "torch's own kernels"),
            ("instructions", "ONEDNN_MAX_CPU_ISA"),
        ]
        assert (found[2].first, found[2].second) == ("not set", "AVX2")
    more = {"MKL_DYNAMIC": "FALSE", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    pinned = environment(variables=first.environment.variables | more)(first)
    (cause,) = causes(first, pinned, "epoch")  # both on a CPU, where cuBLAS decides nothing
    assert (cause.kind, cause.what) == ("threads", "MKL_DYNAMIC")
    unsaid = environment(libc="")(first)  # format 1 knew no C library
    assert causes(unsaid, FIRST, "epoch") == []


def test_a_run_that_changed_on_its_way_says_so() -> None:
    """Environment and code are those of the last session: what the first had is in its `differs` alone."""
    (found,) = causes(FIRST, on_the_way(FIRST), "loss")
    assert (found.first, found.second) == ("nothing", "torch 2.8.0 before, 2.9.0 now")
    # Also the same in both: that is why it may not come out again.
    assert len(causes(on_the_way(FIRST), on_the_way(FIRST), "loss")) == 1
    unchanged = FIRST.model_copy(update={"sessions": FIRST.sessions * 2})
    assert causes(FIRST, unchanged, "loss") == []


def test_likely_ones_before_the_others() -> None:
    """Everything planted at once: no kind is scattered among the likely ones."""
    second = FIRST
    for plant, _, _, _ in PLANTS:
        second = plant(second)
    for place in PLACES:
        found = causes(FIRST, second, place)
        assert [cause.likely for cause in found] == sorted((cause.likely for cause in found), reverse=True)
        kinds = [cause.kind for cause in found if cause.likely]
        blocks = [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]
        assert blocks
        assert len(blocks) == len(set(blocks))


def test_records_without_a_corpus() -> None:
    assert causes(FIRST, record(corpus=None), None) == []
