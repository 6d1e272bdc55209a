"""What is trained, by the recipe's mode: the base itself, LoRA on it, or a student beside its teacher."""

from dataclasses import dataclass

from torch import nn

from lingyu.bases import Base
from lingyu.recipe import PretrainingRecipe

from .adapting import add_lora, merge_lora
from .distiller import Distiller, student_layers, teacher_ids_of
from .loading import Loaded, load_pretrainer
from .pretrainer import Pretrainer


@dataclass(frozen=True)
class Learner:
    """model: what the Trainer trains. pretrainer: what becomes the new base, which model holds or is.

    new: trained parameters that the base did not bring, by model's names. head_is_new: the masked-LM head is of them.
    """

    model: nn.Module
    pretrainer: Pretrainer
    new: frozenset[str]
    head_is_new: bool

    @property
    def before(self) -> Pretrainer:
        """What the new base is measured against: what training starts from, but of a student its teacher."""
        return self.model.teacher_in_own_words() if isinstance(self.model, Distiller) else self.pretrainer

    def parameters_line(self) -> str:
        counts = [(parameter.numel(), parameter.requires_grad) for parameter in self.model.parameters()]
        trained, total = sum(n for n, learns in counts if learns), sum(n for n, _ in counts)
        return f"trainable params: {trained:,} of {total:,} ({trained / total:.2%})"


def make_learner(recipe: PretrainingRecipe, start: Base, teacher: Base | None) -> Learner:
    """Everything as it is before the first step: a function of the recipe's seed and the two bases."""
    loaded = load_as_recipe(recipe, start)
    student = loaded.model
    fresh = {id(parameter) for name, parameter in student.named_parameters() if name in loaded.fresh}
    model: nn.Module = student
    if recipe.dapt.mode == "lora":
        add_lora(student, start, recipe.lora, recipe.train.seed, fresh=loaded.fresh)
    elif recipe.dapt.mode == "distil":
        assert teacher is not None, "a student has a teacher"
        model = Distiller(
            student,
            load_pretrainer(teacher, seed=0, sentence_order=False, dropout=None).model,
            student_layers(teacher, recipe.dapt.shape),
            teacher_ids_of(start, teacher),
        )
    new = frozenset(name for name, parameter in model.named_parameters() if id(parameter) in fresh)
    return Learner(model, student, new, loaded.head_is_fresh)


def load_as_recipe(recipe: PretrainingRecipe, base: Base) -> Loaded:
    """A base as it is trained and measured: with the recipe's seed, heads and dropout."""
    return load_pretrainer(
        base,
        seed=recipe.train.seed,
        sentence_order="sentence_order" in recipe.dapt.objective,
        dropout=recipe.train.dropout,
    )


def finished(recipe: PretrainingRecipe, learner: Learner) -> Pretrainer:
    """What was trained, as it becomes a base: LoRA merged, the teacher gone."""
    if recipe.dapt.mode == "lora":
        merge_lora(learner.pretrainer)
    return learner.pretrainer
