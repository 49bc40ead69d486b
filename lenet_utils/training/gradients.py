"""The gradients with which a training would begin, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .._checks import check_kind
from .._seeding import random_state_kept
from ..data.digits import Digits
from ..models.base import layer_label
from ..models.criteria import Criterion
from ..models.inside import device_of, evaluating
from ..models.outputs import check_scores, criterion_for

if TYPE_CHECKING:  # pandas is imported where a table is made: networks and training start without
    import pandas as pd

__all__ = ["layer_gradient_norms"]


def layer_gradient_norms(
    model: nn.Module,
    digits: Digits,
    criterion: Criterion | None = None,
) -> pd.Series:
    """Measure the gradient of each named layer, as the first step of training would see it.

    The model, its ``.grad``, its mode and the random state stay as they are. Of a layer pruned by
    ``torch.nn.utils.prune`` it is the gradient of what learns, ``weight_orig``: 0 where its mask
    is.

    Parameters
    ----------
    model
        A model of named layers, such as `LeNet5`.
    digits
        One batch, taken as a whole.
    criterion
        Called with ``(N, classes)`` scores and ``(N,)`` labels, returns the loss; None for what
        `fit` would take.

    Returns
    -------
    Series
        For each layer, "C1" to "output", the L2 norm of the gradient of all its parameters; NaN
        for a layer that has none.
    """
    import pandas as pd

    check_kind("model", model, nn.Module)
    check_kind("digits", digits, Digits, "take a batch, as in load_mnist().train[:256]")
    criterion = criterion_for(model, criterion, digits.images)
    device = device_of(model)
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    # In place of a copy, which pruned models refuse to be made: what batch normalisation counts
    # goes into buffers that are not the model's.
    counted = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with evaluating(model), random_state_kept(), torch.enable_grad():  # dropout draws
        model.train()
        scores = functional_call(model, counted, (digits.images.to(device),))
        check_scores(scores, digits.labels)
        loss = criterion(scores, digits.labels.to(device))
        found = torch.autograd.grad(loss, [*learning.values()], allow_unused=True)
    gradients = {id(p): g for p, g in zip(learning.values(), found, strict=True) if g is not None}
    norms = {layer_label(n): _norm(layer, gradients) for n, layer in model.named_children()}
    return pd.Series(norms, name="gradient_norm").rename_axis("layer")


def _norm(layer: nn.Module, gradients: Mapping[int, Tensor]) -> float:
    own = [gradients[id(p)].flatten() for p in layer.parameters() if id(p) in gradients]
    return torch.cat(own).norm().item() if own else math.nan
