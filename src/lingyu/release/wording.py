"""What pages say of a task: what it gives, and what becomes of its logits."""

from lingyu.tasks import Calibration, Task


def gives(task: Task, *, text_pair: bool) -> str:
    """A sentence without its end: `gives a text one of 3 labels`."""
    texts, count = "two texts together" if text_pair else "a text", len(task.labels)
    return {
        "single_label": f"gives {texts} one of {count} labels",
        "multi_label": f"gives {texts} any of {count} labels",
        "ordinal": f"gives {texts} a place on a scale of {count} labels",
        "token": f"finds entities of {count} kinds in a text",
        "regression": f"gives {texts} a number",
        "preference": "gives a context and a reply to it a score",
    }[task.name]


def of_logits(task: Task, calibration: Calibration) -> str:
    """What becomes of the logits, in a sentence or two."""
    softmax = f"the softmax of the logits divided by {calibration.temperature:.4f}"
    if task.name == "single_label":
        return f"Probabilities are {softmax}."
    if task.name == "token":
        return (
            f"Probabilities are {softmax}. A B- begins an entity, an I- of its label goes on with it, "
            "and one that follows neither begins one, too."
        )
    if task.name == "multi_label":
        limits = ", ".join(f"{limit:.4f}" for limit in calibration.thresholds or (0.5,) * len(task.labels))
        return (
            "Probabilities are the sigmoid of each logit. A label is given from its own probability on, in their "
            f"order: {limits}."
        )
    if task.name == "ordinal":
        return (
            "The probability of lying above a label is the product of the sigmoids of the logits up to its own (CORN), "
            "and the answer is the label that lies above as many labels as have one of more than 0.5."
        )
    if task.name == "regression":
        return f"The number is {calibration.offset:.6g} + {calibration.scale:.6g} times the logit."
    return (
        "The logit is the score: of two replies to one context the better one has the higher. Alone it means nothing."
    )
