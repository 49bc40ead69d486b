"""What the options of ``train`` say, as arguments of `load_mnist` and `fit`."""

from __future__ import annotations

import argparse
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Optimizer

from ._options import OPTIMIZERS
from .data import Digits
from .models import MODELS, DiscriminativeLoss, LeNet, mean_penalty, squared_error
from .models.criteria import Criterion
from .training import MODERN, PUBLISHED, modern_recipe, published_recipe
from .training.settings import WEIGHT_DECAY

__all__: list[str] = []  # for the command line

OWN = ("batch_size", "optimizer", "lr", "criterion")  # options that a recipe stands for
CRITERIA: dict[str | None, Criterion | None] = {
    None: None,
    "cross_entropy": F.cross_entropy,
    "discriminative": DiscriminativeLoss(),
    "mean_penalty": mean_penalty,
    "squared_error": squared_error,
}


def new_network(options: argparse.Namespace) -> LeNet:
    """Make the network, with the first weights of its recipe."""
    model = MODELS[options.model]()
    if options.recipe == "published":
        model.apply(PUBLISHED[type(model)].start)
    return model


def form_of(options: argparse.Namespace, model: LeNet) -> dict[str, Any]:
    """Return what the images are to be like."""
    form = {"size": model.size, "scaling": options.scaling or model.scaling}
    if options.recipe and options.model == "lenet1":
        form["digit"] = model.pretrained_digit  # for these its recipes were chosen
    return form


def how_to_fit(options: argparse.Namespace, model: LeNet, train: Digits) -> dict[str, Any]:
    """Return the arguments of `fit`: the recipe's, or what the options say.

    Raises
    ------
    ValueError
        If they contradict each other.
    """
    for name in OWN if options.recipe else ():
        if getattr(options, name) is not None:
            option = name.replace("_", "-")
            raise ValueError(
                f"--recipe {options.recipe} has its own --{option}: leave one of them out"
            )
    how: dict[str, Any]
    if options.recipe == "published":
        how = {"epochs": PUBLISHED[type(model)].passes}
        how |= published_recipe(model, train, options.seed)
    elif options.recipe == "modern":
        how = {"epochs": MODERN[type(model)].epochs, **modern_recipe(model)}
    else:
        how = {
            "epochs": 10,
            "batch_size": options.batch_size or 128,
            "optimizer": _optimizer(options, model),
            "criterion": CRITERIA[options.criterion],
        }
    given = {"epochs": options.epochs, "device": options.device}
    how |= {name: value for name, value in given.items() if value is not None}
    return {**how, "seed": options.seed}


def _optimizer(options: argparse.Namespace, model: nn.Module) -> Optimizer:
    name = options.optimizer or "adamw"
    rate, parameters = options.lr or OPTIMIZERS[name], model.parameters()
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9)
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate, fused=True)
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=WEIGHT_DECAY, fused=True)
