"""The compiled way of `fit`: when it is taken, and an epoch by it."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from . import parallel
from .plan import Plan, kernels_are_there, plan_for
from .sdlm import SDLM
from .settings import Settings

if TYPE_CHECKING:
    from .checkpoints import State

__all__: list[str] = []  # readers meet it as fit(..., compiled=)

TOGETHER = 200  # images between two looks at the progress bar, and at Ctrl-C: some 20 ms
PLAIN = {"momentum": 0, "weight_decay": 0, "maximize": False, "differentiable": False}
COMPILING = "compiling, once on this machine"
COMPILED = "one image at a time, compiled"
MISSING = (
    "Over one image at a time PyTorch takes many times as long as compiled code, which needs "
    "Numba: pip install numba, or lenet-utils[fast]"
)


def compiled_epoch(settings: Settings, order: Tensor, state: State, epoch: int) -> bool:
    """Go once through the images, in this ``order``, and take in what happened.

    Returns whether it was done; else it is PyTorch's to do. What decides is looked at before each
    epoch, for ``before_epoch`` may change what it likes.
    """
    plan = _plan(settings, state.optimizer)
    if not _announced(plan, state) or plan is None:
        return False
    optimizer = state.optimizer
    if isinstance(optimizer, SDLM):
        mu = optimizer.param_groups[0]["mu"]
        rates = plan.gathered(lambda p: 1 / optimizer.damped(p, mu))  # eq. 21
    else:
        rates = plan.gathered(torch.ones_like)
    for some in order.split(TOGETHER):
        etas = _rates_of(state, len(some))
        losses, wrong = plan.learn(some, rates, etas)
        state.record.steps_of(epoch, losses.tolist(), wrong.tolist(), etas)
    return True


def _announced(plan: Plan | None, state: State) -> bool:
    """Say on the bar what is done, or what is missing; return whether there is compiled code."""
    bar = state.record.bar
    told = getattr(bar, "desc", "")  # a bar that is not shown has none
    if plan is not None and not told:
        bar.set_description_str(COMPILING)
    there = plan is not None and kernels_are_there()
    if plan is not None and not there and not bar.disable and not state.record.steps_done:
        bar.write(MISSING, file=sys.stderr)
    if plan is not None or told:
        bar.set_description_str(COMPILED if there else "")
    return there


def _plan(settings: Settings, optimizer: Optimizer) -> Plan | None:
    by_ones = settings.batch_size == 1 and settings.augment is None
    if not by_ones or parallel.process_count() > 1 or not _is_known(settings, optimizer):
        return None
    return plan_for(settings.model, settings.train, settings.criterion)


def _is_known(settings: Settings, optimizer: Optimizer) -> bool:
    """Return whether each step is eq. 21 or plain gradient descent, and for all parameters."""
    if len(optimizer.param_groups) > 1 or type(optimizer) not in (SDLM, SGD):
        return False
    group, own = optimizer.param_groups[0], list(settings.model.parameters())
    plain = type(optimizer) is SDLM or all(group[name] == value for name, value in PLAIN.items())
    hooks = (
        *(optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks),
        *(_global_optimizer_pre_hooks, _global_optimizer_post_hooks),
    )
    step = vars(optimizer).get("step")  # a scheduler puts a wrapper here, which counts the steps
    changed = step is not None and not hasattr(step, "_wrapped_by_lr_sched")
    whole = {id(p) for p in group["params"]} == {id(p) for p in own}
    learning = all(p.requires_grad for p in own)
    return plain and whole and learning and not any(hooks) and not changed


def _rates_of(state: State, steps: int) -> list[float]:
    """Return the global rate of each of the next steps, and take the schedule past them."""
    group, rates = state.optimizer.param_groups[0], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch misses the updates between the schedule's steps
        for _ in range(steps):
            rates.append(float(group["lr"]))
            if state.scheduler is not None:
                state.scheduler.step()
    return rates
