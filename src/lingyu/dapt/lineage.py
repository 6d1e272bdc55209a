"""lineage.json of a base that was made here: the chain of its ancestors, and every stage of training that led to it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lingyu.bases import LINEAGE, Ancestor, Base
from lingyu.errors import LingyuError

from .contents import Files
from .corpus.record import CorpusRecord


class Stage(BaseModel):
    """One run of dapt.py. parent: weights fingerprint of what it started from; None for an encoder that it made.

    masking: mlm_probability and its like, of the objective. settings: the resolved recipe's sections dapt and train,
    and lora where that was trained; nothing in a lineage from before they were kept. tokens: read in training, special
    ones included, each time that a text came by. steps: of training; best_step: of them, the one whose weights were
    kept. hours: of training, without preparing and measuring before and after. measured: loss, perplexity and masked
    accuracy, before and after.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    made: str
    mode: str
    parent: str | None
    objective: tuple[str, ...]
    masking: dict[str, int | float]
    settings: dict[str, Any] = Field(default_factory=dict)
    corpus: CorpusRecord
    seed: int
    steps: Annotated[int, Field(ge=0)]
    best_step: Annotated[int, Field(ge=0)]
    tokens: Annotated[int, Field(ge=0)]
    hours: Annotated[float, Field(ge=0)]
    measured: dict[str, Any]
    packages: dict[str, str]


def stages_of(base: Base | None) -> tuple[Stage, ...]:
    """Of a base that was made here, the first stage first; none of one that was brought.

    Raises LingyuError where its lineage.json can't be read.
    """
    file = base.folder / LINEAGE if base else None
    if file is None or not file.is_file():
        return ()
    try:
        return tuple(Stage.model_validate(stage) for stage in json.loads(file.read_text("utf-8")).get("stages", ()))
    except (ValueError, AttributeError, TypeError, ValidationError):
        raise LingyuError(
            "holds stages that can't be read", where=file, next="Copy the base anew from where it was made"
        ) from None


def published_as(base: Base) -> str:
    """The name that a base was made under, wherever its folder lies now; its id where it has no lineage.json."""
    lineage = base.lineage  # raises where that file can't be read
    file = base.folder / LINEAGE
    return str(json.loads(file.read_text("utf-8"))["lineage"][0]["id"]) if file.is_file() else lineage[0].id


def hours_of(stages: tuple[Stage, ...]) -> float:
    """Of training, all stages together."""
    return sum(stage.hours for stage in stages)


def duration(hours: float) -> str:
    """In the unit that fits: 0.0 hours say nothing of a short run."""
    seconds = hours * 3600
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{hours:.1f} h"


def write_lineage(file: Path, itself: Ancestor, parent: Base | None, stages: tuple[Stage, ...], files: Files) -> None:
    """itself: the new base. stages: all of them, the newest last. files: what lies beside this one."""
    chain = (itself, *(parent.lineage if parent else ()))
    document = {
        "lineage": [{key: value for key, value in asdict(ancestor).items() if value is not None} for ancestor in chain],
        "hours": round(hours_of(stages), 4),
        "stages": [stage.model_dump(mode="json") for stage in stages],
        "files": {name: record.model_dump() for name, record in files.items()},
    }
    file.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
