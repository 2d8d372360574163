"""The base of everything that is read from TOML or JSON and checked: recipes, records, bundles."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Frozen(BaseModel):
    """Strict, immutable, closed: what is not named here is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def first_problem(error: ValidationError) -> str:
    """Key and what is wrong with it."""
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    return f"key {key}: {first['msg']}" if key else str(first["msg"])
