"""Trials without trainings: what they would come to is written down."""

from typing import Any

from asr.tuning.record import EpochTried, Report, Training, Trial


def epoch(number: int, wer: float, *, best: bool = True) -> EpochTried:
    """Of 100 words and 100 characters."""
    errors = round(100 * wer)
    return EpochTried(
        epoch=number, train_loss=1.0, wer=wer, cer=wer / 2, word_errors=errors, character_errors=errors // 2,
        best=best, seconds=1.0,
    )  # fmt: skip


def trial(number: int, values: dict[str, Any], wers: list[float], state: str = "complete") -> Trial:
    """WER after each epoch, falling; the last one is the objective where it is complete."""
    training = Training(
        seed=1, parameters=1, left_out=0, epochs=[epoch(place + 1, wer) for place, wer in enumerate(wers)]
    )
    over = {"objective": wers[-1], "wer": wers[-1], "cer": wers[-1] / 2} if state == "complete" else {}
    return Trial(
        number=number,
        state=state,  # type: ignore[arg-type]
        values=values,
        trainings=[training],
        reports=[Report(step=place + 1, value=wer) for place, wer in enumerate(wers)],
        **over,
    )
