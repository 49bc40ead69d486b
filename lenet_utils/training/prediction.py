"""Naming what a picture shows, with weights of one's own or those that travel with the package.

The latter are "lenet1", "lenet5", "lenet5-dist", which has learned from distorted digits and makes
the fewest errors on MNIST, and "lenet5-hands", which makes the fewest on digits of other people and
doubts most of what is no digit: see `LeNet.from_pretrained`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image

from .._devices import on_cpu
from ..data.digits import Digits, class_names
from ..data.idx import DIGITS
from ..data.pictures import frame_picture, prepare_digit
from ..data.scaling import scale
from ..models.base import LeNet
from ..models.criteria import DiscriminativeLoss, squared_error
from .evaluation import evaluate
from .trained import Trained, load_trained

__all__ = ["Prediction", "penalty_limit", "predict"]

USUAL = 0.99  # of the right answers have a penalty below the limit
FRAMED = ("fashion", "kmnist")  # data whose things fill the image, where digits have a margin


@dataclass(frozen=True)
class Prediction:
    """What a network reads in one picture; as text, its name and how sure the network is.

    Behind RBF units, the probabilities are those of eq. 9 of LeCun et al. 1998 (preprint p. 9),
    which has a class "rubbish" with a constant penalty: what is far from all digits gets little
    probability, and the probabilities of the digits add up to less than 1. The answer is in doubt
    if its penalty is larger than those of nearly all digits that were read right.

    Attributes
    ----------
    digit
        0 to 9; None of a network that has learned something else than digits, see ``name``.
    kind
        What the scores are: "probability", which add up to 1, or to 1 with that of "rubbish"; or
        "output" of a network that was trained towards +1 for the digit and -1 for the others.
    scores
        One for each class, as many as the network has outputs.
    classes
        The names of the classes, those of the digits by default.
    penalty
        Of the answer, behind RBF units: the squared distance to its code, 0 at best. None for other
        outputs.
    doubt
        Why the picture may show nothing that the network knows, or None. Without RBF units, and
        for weights that do not say what is usual, there is never any doubt.
    """

    digit: int | None
    kind: Literal["probability", "output"]
    scores: tuple[float, ...]
    classes: tuple[str, ...] = DIGITS
    penalty: float | None = None
    doubt: str | None = None

    @property
    def name(self) -> str:
        """The name of the class with the largest score, such as "7" or "Ankle boot"."""
        return self._best_first()[0][0]

    def __str__(self) -> str:
        (name, score), *others = self._best_first()
        then = f", next {others[0][0]} with {others[0][1]:.3f}" if others else ""
        penalty = "" if self.penalty is None else f"penalty {self.penalty:.1f}, "
        doubt = "" if self.doubt is None else f"; doubtful: {self.doubt}"
        return f"{name} ({penalty}{self.kind} {score:.3f}{then}){doubt}"

    def _best_first(self) -> list[tuple[str, float]]:
        names = map(str, class_names(self.classes, len(self.scores)))
        return sorted(zip(names, self.scores, strict=True), key=lambda pair: -pair[1])


@on_cpu
def predict(
    image: str | os.PathLike[str] | Image.Image,
    weights: str | os.PathLike[str] | Trained = "lenet5-dist",
) -> Prediction:
    """Name the digit in a picture, which `prepare_digit` brings to MNIST's form.

    Weights that have learned something else, as Fashion-MNIST's clothes, name one of that. For
    those of "fashion" and "kmnist" the picture is cut out, scaled to 28 pixels on its longer side
    and put in the middle, as Xiao, Rasul and Vollgraf (2017, section 2) did with their clothes.

    Parameters
    ----------
    image
        A picture of one digit, or whatever the weights are for, or the path of one in any format
        Pillow reads.
    weights
        What `load_trained` takes: "lenet1", "lenet5", "lenet5-dist", "lenet5-hands", or a file
        written by ``python -m lenet_utils train``. For many pictures, what it returns: loaded once.

    Returns
    -------
    Prediction
        The digit, or the name of what else it is, and a score for each class.

    Raises
    ------
    FloatingPointError
        If the network gives out NaN.
    OSError
        If a file cannot be opened.
    TypeError
        If an argument is of another kind.
    ValueError
        If there is nothing in the picture, or the weights are not those of one of the networks.

    Examples
    --------
    >>> picture = Image.new("L", (200, 300), "white")
    >>> picture.paste("black", (90, 50, 110, 250))
    >>> predict(picture).digit
    1
    """
    trained = weights if isinstance(weights, Trained) else load_trained(weights)
    classes = trained.classes
    prepare = frame_picture if trained.notes.get("data") in FRAMED else prepare_digit
    with torch.inference_mode():
        scores = trained.model(scale(prepare(image)[None], *trained.model.input))[0].double()
    if scores.isnan().any():
        raise FloatingPointError(
            f"the network of {trained.name} answered with NaN. Most likely its training diverged: "
            "train it anew, with a tenth of the learning rate."
        )
    digit = int(scores.argmax()) if classes == DIGITS else None
    criterion = trained.model.criterion
    if criterion is squared_error:  # targets of +1 and -1: no probabilities
        return Prediction(digit, "output", tuple(scores.tolist()), classes)
    if not isinstance(criterion, DiscriminativeLoss):
        return Prediction(digit, "probability", tuple(scores.softmax(dim=0).tolist()), classes)
    rubbish = scores.new_tensor([-trained.rubbish_penalty])
    shares = torch.cat([scores, rubbish]).softmax(dim=0)[:-1]  # eq. 9
    penalty = -float(scores.max())
    doubt = _doubt(penalty, trained.penalty_limit)
    return Prediction(digit, "probability", tuple(shares.tolist()), classes, penalty, doubt)


def penalty_limit(model: LeNet, digits: Digits) -> float:
    """Return the penalty that 99 % of the right answers stay under: above it, one is in doubt.

    Parameters
    ----------
    model
        A network with RBF units.
    digits
        Validation digits. Of those that it has learned from, as with the limits in the package,
        the penalties are smaller, and so is the limit: more of the answers are in doubt.

    Raises
    ------
    ValueError
        If the network has other outputs, or reads no digit right.
    """
    if not isinstance(model.criterion, DiscriminativeLoss):
        raise ValueError(f"only RBF units give penalties, and this {type(model).__name__} has none")
    result = evaluate(model, digits)
    penalties = -result.scores.amax(dim=1)[result.predictions == result.labels].double()
    if not len(penalties):
        raise ValueError("no digit was read right, so there is no telling what is usual")
    return float(penalties.quantile(USUAL))


def _doubt(penalty: float, limit: float | None) -> str | None:
    if limit is None or penalty <= limit:
        return None
    usual = f"{100 * USUAL:.0f} % of the validation digits that the network read right"
    return f"{usual} have a penalty of at most {limit:.1f}; is this a digit?"
