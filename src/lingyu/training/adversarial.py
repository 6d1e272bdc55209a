"""Adversarial training on the word embeddings (FGM): the rows once more, each pushed to where its loss grows fastest.

Miyato, Dai and Goodfellow 2017 (arXiv 1605.07725), equation 6, without its normalisation of the embeddings. The Chinese
competitions' class of the name FGM moves the embedding matrix itself, by the gradient over the norm of a whole batch.
Here, as in the paper, what a row reads is moved, by a norm of its own. So it works where the embeddings are frozen, and
how a batch is cut into processes and accumulation steps makes no difference.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn


def fast_gradient(gradient: Tensor, epsilon: float) -> Tensor:
    """epsilon * g / ||g||, the norm of each row over all its tokens: the shape of the gradient, (rows, tokens, width).

    0 for a row without a gradient, which only fills a batch, and for one whose gradient overflowed: a step in float16
    that is not taken anyway. Scaling the loss changes nothing.
    """
    norm = torch.linalg.vector_norm(gradient.float(), dim=(1, 2), keepdim=True)
    usable = torch.isfinite(norm) & (norm > 0)
    moved = epsilon * gradient / torch.where(usable, norm, 1.0)
    return torch.where(usable, moved, 0.0).to(gradient.dtype)


def adversarial_step(
    step: Callable[[], Tensor],
    embeddings: nn.Module,
    epsilon: float,
    without_sync: Callable[[], AbstractContextManager[object]],
) -> Tensor:
    """Let the step run twice, the second time on moved embeddings; its gradients add up. The loss of the first.

    step: one forward and backward of a batch. embeddings: the word embeddings that it reads once. without_sync: within
    it gradients stay in their process, since those of the second backward bring the sum to the others.
    """
    with without_sync(), _added(embeddings, torch.zeros_like) as added:
        loss = step()
    (still,) = added
    assert still.grad is not None, "the loss does not depend on the embeddings"
    moved = fast_gradient(still.grad, epsilon)
    with _added(embeddings, lambda _: moved):
        step()
    return loss


@contextmanager
def _added(embeddings: nn.Module, to: Callable[[Tensor], Tensor]) -> Iterator[list[Tensor]]:
    """Meanwhile something is added to the embeddings' output, and remembered: it has a gradient after a backward.

    Added is a leaf of its own, so that frozen embeddings and trained ones are alike.
    """
    added: list[Tensor] = []

    def add(_: nn.Module, __: object, output: Tensor) -> Tensor:
        added.append(to(output).detach().requires_grad_(True))
        return output + added[-1]

    hook = embeddings.register_forward_hook(add)
    try:
        yield added
    finally:
        hook.remove()
