"""What processes compare when they meet, and which differences they let pass."""

from dataclasses import replace
from typing import Any

import pytest

from asr.errors import DeviceError
from asr.runs import group
from asr.runs.environment import read_environment
from asr.runs.group import Present, compare, device_name
from asr.runs.numerics_used import read_numerics
from asr.runs.placement import Placement
from asr.runs.session import advice
from asr.training.ranks import own_devices
from asr.training.stage import ToldError


@pytest.fixture(scope="module")
def lead() -> Present:
    return Present(
        where="machine 0, a",
        node=0,
        recipe="r",
        code="c",
        device="cpu",
        environment=read_environment(),
        numerics=read_numerics("strict"),
        settings={"train": {"epochs": 3, "clip": 1.0}, "seed": 1},
    )


def changed(present: Present, node: int = 1, numerics: Any = None, **environment: Any) -> Present:
    return replace(
        present,
        node=node,
        where=f"machine {node}, b",
        environment=present.environment.model_copy(update=environment),
        numerics=present.numerics.model_copy(update=numerics or {}),
    )


def test_alike(lead: Present) -> None:
    assert compare([lead, lead, changed(lead)], strict=True) == []


def test_it_travels_as_text(lead: Present) -> None:
    assert Present.from_text(lead.to_text()) == lead


def test_what_may_differ_is_noted_once_for_each_machine(lead: Present) -> None:
    other = changed(lead, processor="Another 9000", libsndfile="9.9")
    noted = compare([lead, other, other], strict=True)
    assert noted == [
        f"machine 1 and machine 0: processor: {lead.environment.processor} at rank 0, Another 9000 there",
        f"machine 1 and machine 0: libsndfile: {lead.environment.libsndfile} at rank 0, 9.9 there",
    ]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"numerics": {"onednn": "Intel AVX2"}}, "onednn: .* at rank 0, Intel AVX2 there"),
        ({"numerics": {"threads": 7}}, "threads: 1 at rank 0, 7 there"),
        ({"packages": {"torch": "1.0"}}, "torch 2.* at rank 0, 1.0 there"),
    ],
)
def test_what_decides_bits_is_refused_unless_nothing_is_promised(
    lead: Present, what: dict[str, Any], message: str
) -> None:
    other = changed(lead, **what)
    lead = replace(lead, numerics=lead.numerics.model_copy(update={"threads": 1}))
    other = replace(
        other,
        numerics=other.numerics.model_copy(update={"threads": what.get("numerics", {}).get("threads", 1)}),
    )
    with pytest.raises(
        ToldError,
        match=rf"rank 2 of 3 \(machine 1, b\): would compute other bits than rank 0 \(.*{message}.*AVX2",
    ):
        compare([lead, lead, other], strict=True)
    assert any(text.startswith("machine 1 and machine 0: ") for text in compare([lead, other], strict=False))


def test_other_code_and_other_recipes_are_never_let_pass(lead: Present) -> None:
    with pytest.raises(
        ToldError, match="rank 1 of 2 .*: runs other code than rank 0; install the same version"
    ):
        compare([lead, replace(lead, code="d")], strict=False)
    other = replace(lead, recipe="s", settings={"train": {"epochs": 4, "clip": 1.0}, "seed": 1})
    with pytest.raises(
        ToldError, match=r"another recipe than rank 0 \(train\.epochs: 3 at rank 0, 4 there\)"
    ):
        compare([lead, other], strict=False)


@pytest.mark.parametrize(
    ("device", "cards", "local_rank", "expected"),
    [
        ("cpu", 4, 1, "cpu"),
        ("auto", 0, 1, "auto"),
        ("auto", 4, 3, "cuda:3"),
        ("cuda", 4, 0, "cuda:0"),
        ("cuda:1", 4, 0, "cuda:1"),  # as told
        ("cuda", 0, 0, "cuda"),  # which is refused later, by its name
    ],
)
def test_each_process_of_a_machine_has_its_own_device(
    monkeypatch: pytest.MonkeyPatch, device: str, cards: int, local_rank: int, expected: str
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    place = Placement(rank=local_rank, size=8, local_rank=local_rank, local_size=max(cards, 1), node=0)
    assert device_name(place, device) == expected


def test_more_processes_than_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    place = Placement(rank=0, size=4, local_rank=0, local_size=4, node=0)
    with pytest.raises(
        DeviceError, match="4 processes on this machine, and torch sees 2 CUDA .*--nproc-per-node 2"
    ):
        device_name(place, "auto")


def test_sums_on_cards_need_a_card_for_each() -> None:
    assert own_devices(["a cuda:0", "a cuda:1", "b cuda:0"])
    assert not own_devices(["a cuda:0", "a cuda:0"])
    assert not own_devices(["a cuda:0", ""])


def test_advice() -> None:
    assert advice(2, 2) == []
    (told,) = advice(5, 2)
    assert "5 processes share steps of 2 micro-batches, so 3 of them have nothing to compute; start 2" in told


def test_machine_names_are_for_the_terminal_only(lead: Present) -> None:
    """Records are meant to be published: nothing of `where` is in what is noted."""
    other = replace(changed(lead, processor="P"), where="machine 1, secret-host")
    assert not any("secret-host" in text for text in compare([lead, other], strict=True))
    assert group.machine_name(Placement(0, 1, 0, 1, 0)).startswith("machine 0, ")
