"""The optimiser of the papers: stochastic diagonal Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from .._checks import check_kind, check_positive
from ..data.digits import Digits
from ..models.criteria import Criterion
from .curvature import diagonal_curvature
from .plan import kernels_are_there, plan_for
from .schedules import PUBLISHED_RATES

__all__ = ["SDLM"]

MANY = 100  # images from which on it is worth while to load compiled code


class SDLM(Optimizer):
    """Stochastic diagonal Levenberg-Marquardt, one learning rate for each parameter.

    ``w_k <- w_k - lr / (mu + h_kk) * dE/dw_k`` (LeCun et al. 1998, eq. 21 and Appendix C, preprint
    pp. 41-42), where h_kk estimates the second derivative; see `diagonal_curvature`. Call
    `estimate_curvature` before the first step and again before each pass over the training set. In
    the paper a step learns from one image.

    Parameters
    ----------
    params
        As for any optimiser: ``model.parameters()``.
    lr
        The global rate, eta; see `published_schedule`.
    mu
        Keeps the step finite where the curvature is small.

    Raises
    ------
    ValueError
        If ``lr`` or ``mu`` is not positive.

    Examples
    --------
    >>> from lenet_utils.models import initialize_like_lush
    >>> model, few = LeNet5(initialize=initialize_like_lush), load_mnist().train[:100]
    >>> optimizer = SDLM(model.parameters())
    >>> def estimate():
    ...     optimizer.estimate_curvature(model, few, model.criterion)
    >>> parts = {"optimizer": optimizer, "schedule": published_schedule, "before_epoch": estimate}
    >>> history = fit(model, few, epochs=1, batch_size=1, progress=False, **parts)
    """

    def __init__(self, params: ParamsT, lr: float = PUBLISHED_RATES[0], mu: float = 0.02) -> None:
        check_positive("lr", lr)
        check_positive("mu", mu)
        super().__init__(params, {"lr": lr, "mu": mu})

    def estimate_curvature(
        self,
        model: nn.Module,
        digits: Digits,
        criterion: Criterion,
        *,
        exact_start: bool = False,
        compiled: bool = True,
    ) -> None:
        """Average the curvature over ``digits``; the paper takes 500 training images.

        Behind RBF units it does not ask the ``criterion``, unless ``exact_start``: see
        `diagonal_curvature`. What is exact may be negative, and counts as 0 here. For a hundred
        images or more it is computed by compiled code where that can be, as in `fit`; ``compiled``
        turns it off.

        Raises
        ------
        TypeError, ValueError
            If ``digits`` is something else, or a layer of ``model`` has no known rule.
        """
        check_kind("digits", digits, Digits, "such as load_mnist().train[:500]")
        plan = None
        if compiled and not exact_start and len(digits) >= MANY:
            plan = plan_for(model, digits, criterion)
        if plan is not None and kernels_are_there():
            of = plan.curvature()
        else:
            curvature = diagonal_curvature(
                model, digits.images, digits.labels, criterion, exact_start=exact_start
            )
            of = {id(p): curvature[name].clamp(min=0) for name, p in model.named_parameters()}
        for group in self.param_groups:
            for p in group["params"]:
                if id(p) not in of:
                    raise ValueError("the optimizer holds a parameter that the model does not have")
                self.state[p]["curvature"] = of[id(p)]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Raises
        ------
        RuntimeError
            If there is no curvature yet.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.addcdiv_(p.grad, self.damped(p, group["mu"]), value=-group["lr"])  # eq. 21
        return loss

    def damped(self, p: Tensor, mu: float) -> Tensor:
        """Return ``mu + h`` for each number of a parameter.

        Raises
        ------
        RuntimeError
            If there is no curvature yet.
        """
        if not self.state[p]:
            raise RuntimeError("call estimate_curvature() before the first step")
        curvature: Tensor = self.state[p]["curvature"]
        return mu + curvature
