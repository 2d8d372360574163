"""The base of everything that is read from TOML or JSON and checked: recipes, records, bundles."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Strict, immutable, closed: what is not named here is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
