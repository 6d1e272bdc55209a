"""What recipes of every kind are made of: sections, the rules between their keys, and kinds of value."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from .encodings import check_encoding

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
VERSION_LIKE = r"^v[0-9]+$"
"""What no channel may be called: it could not be told from a version."""
RECIPE = "recipe.yaml"
"""What a recipe is called beside whatever was made by it: in a run, a version, a base."""
RUNS = Path("runs")
"""Where the runs of recipes lie, each below the name of its recipe."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Share = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, le=1e9)]  # so far beyond use that products of two still fit float32
NotNegative = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Size = Annotated[int, Field(ge=1, le=1 << 16)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 2)]  # NumPy's range, and a saved adapter is proved with the next one


class Section(BaseModel):
    """A mapping of a recipe: unknown keys are faults, types are strict, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=(), allow_inf_nan=False)


class RulesError(ValueError):
    """Keys of a section that are right by themselves but not together: pairs of key and what is wrong."""

    def __init__(self, rules: list[tuple[str, str]]) -> None:
        self.rules = tuple(rules)
        super().__init__("; ".join(what for _, what in rules))


Rule = tuple[bool, str, str]
"""Whether it holds, the key that is at fault where it does not, and what is wrong then."""


def require_rules(*rules: Rule) -> None:
    """Raise RulesError with every rule that does not hold."""
    broken = [(key, what) for holds, key, what in rules if not holds]
    if broken:
        raise RulesError(broken)


def tuple_of_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _trackers(value: Any) -> Any:
    """TrainingArguments takes a single name too, and "none"."""
    if value in ("none", None):
        return ()
    return (value,) if isinstance(value, str) else tuple_of_list(value)


def _no_path_of_this_machine(base: str) -> str:
    if os.path.isabs(base) or base.startswith("~"):
        raise ValueError(
            f"{base} is a path of this machine, which a version would record; "
            "give the folder relative to the one you start from, for example ./bases/hotel"
        )
    return base


Given = Annotated[str, Field(min_length=1)]
BaseName = Annotated[str, AfterValidator(_no_path_of_this_machine)]
EncodingName = Annotated[str, AfterValidator(check_encoding)]
CleaningStep = Literal["html", "control", "width", "urls", "repeats", "personal", "simplified"]
Tracker = Literal["wandb"]
Trackers = Annotated[
    tuple[Tracker, ...],
    BeforeValidator(_trackers, json_schema_input_type=tuple[Tracker, ...] | Literal["wandb", "none"] | None),
]
