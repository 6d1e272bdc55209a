"""transformers' classes for what answers once a row and once a token, and a base that was loaded as one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from .families import Head


@dataclass(frozen=True)
class Classifier:
    """A model and the keys of its weights that the base did not bring: random, so an adapter has to hold them.

    head: whether it answers once a row or once a token.
    """

    model: torch.nn.Module
    fresh: frozenset[str]
    head: Head = "row"


def auto_classifier(head: Head) -> Any:
    """The class whose from_pretrained reads any folder of a classifier, as its users would."""
    import transformers

    classes = {
        "row": transformers.AutoModelForSequenceClassification,
        "token": transformers.AutoModelForTokenClassification,
    }
    return classes[head]


def classifier_class(config: Any, head: Head) -> Any:
    """The class of such a config's own architecture."""
    import transformers

    classes = {
        "row": transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
        "token": transformers.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    }
    return classes[head][type(config)]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Loading reports fresh heads as if something were wrong, which we check ourselves, and shows bars of its own."""
    from transformers.utils import logging

    verbosity, has_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bar:
            logging.enable_progress_bar()
