"""What a model ends in, found by running it, and the criterion that goes with that."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._seeding import seeded
from .base import LeNet, criterion_behind, unwrapped
from .criteria import Criterion, DiscriminativeLoss
from .digit_codes import RBFOutput
from .inside import device_of, evaluating
from .layer_kinds import find_kind

__all__ = ["check_no_penalties", "check_scores", "criterion_for"]

LOOKED_AT = 2  # images that a model is run on to see what it gives out


def criterion_for(model: nn.Module, given: Criterion | None, images: Tensor) -> Criterion:
    """Return ``given``; for None the model's own, or what goes with the layer it ends in.

    A model in ``nn.DataParallel`` or another wrapper keeps its own. Where there is none, it is
    `DiscriminativeLoss` behind RBF units, `squared_error` behind units squashed to -1 and +1, and
    else cross-entropy.

    Parameters
    ----------
    model
        Any module. It may be run, as in evaluation, on the first two images.
    given
        What is to be taken anyway.
    images
        ``(N, C, H, W)``, at least one.

    Raises
    ------
    ValueError
        If the scores are penalties or probabilities, with which the criterion does not go.
    """
    check_no_penalties(model, images)
    inner = unwrapped(model)
    if given is not None:
        if isinstance(given, nn.NLLLoss) or given is F.nll_loss:
            _check_logarithms(inner, images)
        if isinstance(given, nn.CrossEntropyLoss | DiscriminativeLoss) or given is F.cross_entropy:
            _check_no_probabilities(inner, images, given)
        return given
    own: Criterion | None = getattr(inner, "criterion", None)
    if own is not None:
        return own
    scores, outs = _outputs(inner, images)
    if any(torch.equal(scores, -out) for part, out in outs.items() if isinstance(part, RBFOutput)):
        return DiscriminativeLoss()
    ends = [find_kind(part) for part, out in outs.items() if out is scores]
    return criterion_behind(next((kind for kind in ends if kind is not None), None))


def check_scores(scores: object, labels: Tensor) -> None:
    """Refuse anything but scores of which there are enough for all ``labels``.

    Raises
    ------
    ValueError
        If they are something else, or fewer.
    """
    first, classes = int(labels.min()), 1 + int(labels.max())
    shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    if not isinstance(scores, Tensor) or scores.ndim != 2 or scores.shape[1] < classes:
        hint = f", or labels - {first}, which begin with 0" if first else ""
        raise ValueError(
            f"model must give (N, {classes}) scores or more, for there are labels up to "
            f"{classes - 1}, got {shape}; a last layer of {classes} outputs does{hint}"
        )


def check_no_penalties(model: nn.Module, images: Tensor) -> None:
    """Refuse a model that gives out the penalties of RBF units, of which the smallest is best.

    Raises
    ------
    ValueError
        If it does.
    """
    inner = unwrapped(model)
    own = isinstance(inner, LeNet)  # which refuses such an output when it is made
    if own or not any(isinstance(part, RBFOutput) for part in inner.modules()):
        return
    scores, outs = _outputs(inner, images)
    if any(torch.equal(scores, out) for part, out in outs.items() if isinstance(part, RBFOutput)):
        raise ValueError(
            f"{type(inner).__name__} gives out penalties, of which the smallest is the answer, "
            "where the largest score is taken: put lenet_utils.models.Negation() behind its "
            "RBFOutput"
        )


def _check_logarithms(model: nn.Module, images: Tensor) -> None:
    scores, _ = _outputs(model, images)
    sums = scores.double().exp().sum(dim=1)
    if not torch.allclose(sums, torch.ones_like(sums), atol=0.05):
        raise ValueError(
            "NLLLoss takes logarithms of probabilities; with the plain scores of this model it "
            "falls for ever, and nothing is learned: pass torch.nn.CrossEntropyLoss(), or end the "
            "model in torch.nn.LogSoftmax(1)"
        )


def _check_no_probabilities(model: nn.Module, images: Tensor, given: Criterion) -> None:
    """Refuse what is between 0 and 1; logarithms of probabilities are as good as plain scores."""
    scores, outs = _outputs(model, images)
    kinds = [find_kind(part) for part, out in outs.items() if out is scores]
    squashed = any(kind is not None and kind.output == "probabilities" for kind in kinds)
    sums = scores.double().sum(dim=-1)
    if squashed or (outs and scores.min() >= 0 and torch.allclose(sums, torch.ones_like(sums))):
        name = getattr(given, "__name__", type(given).__name__)
        raise ValueError(
            f"{name} makes probabilities of scores, and this model gives out values from 0 to 1 "
            "already: squashed twice, the loss cannot become small; leave the last softmax or "
            "sigmoid out, or pass torch.nn.NLLLoss() and end the model in torch.nn.LogSoftmax(1)"
        )


def _outputs(model: nn.Module, images: Tensor) -> tuple[Tensor, dict[nn.Module, Tensor]]:
    """Run ``model`` on few images; return what it gave out, and what each of its parts did.

    Where it cannot be run there is nothing to see: what is wrong comes up when it is used.
    """
    outs: dict[nn.Module, Tensor] = {}
    hooks = [
        part.register_forward_hook(lambda part, given, out: outs.update({part: out}))
        for part in model.modules()
    ]
    try:
        with seeded(0), evaluating(model):
            scores: Tensor = model(images[:LOOKED_AT].to(device_of(model)))
    except Exception:
        return torch.zeros(1, 1), {}
    finally:
        for hook in hooks:
            hook.remove()
    return scores, {part: out for part, out in outs.items() if isinstance(out, Tensor)}
