"""Numerics as a record had them. Imports no torch: what is set here must be set before that."""

import platform

from asr import numerics
from asr.recipe import Recipe
from asr.runs.record import Record


def pin_like(record: Record, recipe: Recipe) -> str:
    """Pins numerics as the record had them; to be called before torch is imported.

    Returns:
        What the user should be told: why it cannot be as it was; "" when it can.
    """
    if recipe.numerics != record.recipe.numerics or recipe.numerics.determinism == "off":
        numerics.pin(recipe.numerics.determinism, recipe.numerics.instructions)
        return ""
    if record.environment.machine != platform.machine():
        numerics.pin("strict", "auto")
        return (
            f"the record was computed on {record.environment.machine}, and this is {platform.machine()}: other bits "
            "are to be expected"
        )
    wanted = {"avx2": "AVX2", "avx512": "AVX512"}.get(
        record.environment.variables.get("ATEN_CPU_CAPABILITY", "")
    )
    here = numerics.instruction_sets()
    if wanted is None or wanted in here:
        numerics.pin_as(record.environment.variables)
        return ""
    numerics.pin("strict", "auto")
    return (
        f"the record was computed with {wanted}, and this processor has {', '.join(here) or 'neither AVX2 nor AVX512'}"
        ": other bits are to be expected"
    )
