"""A recipe with `stages`: one after another, each only when something that it reads has changed."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from .section import CleaningStep, EncodingName, Name, Section, require_rules, tuple_of_list

_STATE = "chain"  # lingyu.chain keeps its state in runs/NAME/chain.json, and measurements as STAGE.json beside it
Texts = Annotated[tuple[str, ...], BeforeValidator(tuple_of_list)]


class CorpusStage(Section):
    """`lingyu data corpus`, by its own options."""

    sources: Texts = Field(min_length=1, description="Files or folders of raw text.")
    to: str = Field(description="The folder of the corpus.", examples=["data/corpus/hotel"])
    exclude: Texts = Field(default=(), description="Test sets whose texts are removed, as --exclude.")
    text: str = Field(default="text", description="The column of a table that holds the text.")
    encoding: EncodingName = Field(default="utf-8", description="Of the sources.")
    clean: Annotated[tuple[CleaningStep, ...], BeforeValidator(tuple_of_list)] | None = Field(
        default=None, description="Named steps; without it those of `lingyu data corpus`."
    )
    licence: str | None = Field(default=None, description="Of the sources, as their owners state it.")


class EvaluateStage(Section):
    """Read a published adapter in a fresh process, answer its test rows anew, compare with what it says of itself."""

    adapter: str = Field(description="NAME[@VERSION|@CHANNEL].", examples=["hotel"])
    store: str = Field(default="adapters", description="The store it lies in.")
    recipe: str = Field(description="The recipe it was trained by, beside this file, for its test rows.")


class Stage(Section):
    name: Name = Field(description="For the log, and for --from.", examples=["dapt"])
    corpus: CorpusStage | None = Field(default=None, description="Build a corpus.")
    recipe: str | None = Field(
        default=None, description="Run a recipe with dapt or task; the path is taken from this file's folder."
    )
    set: dict[str, Any] = Field(
        default={}, description="Overrides of the recipe's keys, dotted: {base: bases/hotel, train.seed: 1}."
    )
    evaluate: EvaluateStage | None = Field(default=None, description="Measure a published adapter anew.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        kinds = [kind for kind in (self.corpus, self.recipe, self.evaluate) if kind is not None]
        require_rules(
            (len(kinds) == 1, "name", "a stage has one of corpus, recipe and evaluate"),
            (not self.set or self.recipe is not None, "set", "set is for a stage with a recipe"),
            (
                self.evaluate is None or self.name != _STATE,
                "name",
                f"the measurement would be {_STATE}.json, which the chain keeps its state in; give it another name",
            ),
        )
        return self


class ChainRecipe(Section):
    name: Name = Field(description="Of the chain, and of its state in runs/.", examples=["hotel-chain"])
    stages: Annotated[tuple[Stage, ...], BeforeValidator(tuple_of_list)] = Field(
        min_length=1, description="In the order in which they run."
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        names = [stage.name for stage in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        require_rules((not twice, "stages", f"two stages have the same name: {', '.join(twice)}"))
        return self
