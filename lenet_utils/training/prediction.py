"""Naming what a picture shows, with weights of one's own or those that travel with the package.

The latter are "lenet1", "lenet5", "lenet5-dist", which has learned from distorted digits and makes
the fewest errors on MNIST, and "lenet5-hands", which makes the fewest on digits of other people:
see `LeNet.from_pretrained`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image

from .._checks import check_finite, check_one_of
from .._devices import on_cpu
from .._files import ASSETS
from .._inputs import InputForm
from ..data.digits import Digits, class_names
from ..data.idx import CLASSES, DIGITS
from ..data.pictures import frame_picture, prepare_digit
from ..data.scaling import scale
from ..models.base import WEIGHTS, LeNet
from ..models.criteria import DiscriminativeLoss, squared_error
from ..models.networks import MODELS
from ..models.weights import load_weights, read_metadata
from .evaluation import evaluate

__all__ = ["PRETRAINED", "Prediction", "Trained", "load_trained", "penalty_limit", "predict"]

PRETRAINED = ("lenet1", "lenet5", "lenet5-dist", "lenet5-hands")
# Their notes name only the row of a table that they come from, which says of which network they
# are. The network knows what its images were like.
_ROWS = {
    "LeNet-1 [16x16]": "lenet1",
    "LeNet-5": "lenet5",
    "LeNet-5 [dist]": "lenet5",
    "LeNet-5 [hands]": "lenet5",
}
USUAL = 0.99  # of the right answers have a penalty below the limit
FRAMED = ("fashion", "kmnist")  # data whose things fill the image, where digits have a margin
LIMITS = ASSETS / "penalty_limits.json"  # by row; experiments/penalty_limits.py writes it
_OTHERS = ("data", "scaling", "background", "ink")  # noted by ``train``


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


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with its notes; `load_trained` makes one.

    Attributes
    ----------
    name
        Of its weights, as given.
    model
        The network; ``model.input`` says what its images must be like.
    notes
        What is kept with the weights: the model's name, data, scaling, and more; ``classes``, where
        it is there, has the names of the classes as a list in JSON, and ``penalty_limit`` what
        `penalty_limit` found.
    """

    name: str
    model: LeNet
    notes: Mapping[str, str]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of what the network tells apart; the digits where the notes say nothing."""
        kept = self.notes.get("classes")
        return tuple(json.loads(kept)) if kept else CLASSES.get(self.notes.get("data", ""), DIGITS)

    @property
    def penalty_limit(self) -> float | None:
        """The penalty above which an answer is in doubt; None where it is not known."""
        kept = self.notes.get("penalty_limit")
        return None if kept is None else float(kept)


@on_cpu
def load_trained(weights: str | os.PathLike[str]) -> Trained:
    """Return the network of a file that ``python -m lenet_utils train`` or this package wrote.

    Parameters
    ----------
    weights
        "lenet1", "lenet5", "lenet5-dist" or "lenet5-hands", which travel with this package; any
        other text, and every ``Path``, is a file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    TypeError
        If ``weights`` is neither text nor a path.
    ValueError
        If it is no safetensors file, or does not say which network it holds, or another's weights.
    """
    if not isinstance(weights, (str, os.PathLike)):
        raise TypeError(
            f"weights must be a name or a path, got {type(weights).__name__}; {_known()}"
        )
    path = WEIGHTS / f"{weights}.safetensors" if weights in PRETRAINED else weights
    if not os.path.exists(path):
        raise FileNotFoundError(f"there are no weights {os.fspath(path)!r}; {_known()}")
    notes = read_metadata(path)
    if notes.get("row") in _ROWS:
        notes = _completed(notes)
    if not {"model", *_OTHERS} <= notes.keys() or notes["model"] not in MODELS:
        raise ValueError(f"{path} does not say which network it holds; was it made by train?")
    try:
        background, ink = float(notes["background"]), float(notes["ink"])
        check_finite("background", background)
        check_finite("ink", ink)
        check_finite("penalty_limit", float(notes.get("penalty_limit", 0)))
        digit = int(notes.get("digit", min(MODELS[notes["model"]].size, 28)))
        _check_classes(notes)
    except ValueError as error:
        raise ValueError(f"{path} has notes that cannot be right: {error}") from error
    model = MODELS[notes["model"]]().float()
    load_weights(model, path)
    model.trained_on = InputForm(background, ink, model.size, digit)
    return Trained(os.fspath(weights), model.eval(), notes)


def _check_classes(notes: Mapping[str, str]) -> None:
    if "classes" not in notes:  # files from before there were names
        check_one_of("data", notes["data"], CLASSES)
        return
    names = json.loads(notes["classes"])
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ValueError(f"classes must be a list of names, got {notes['classes']!r}")


def _completed(notes: Mapping[str, str]) -> dict[str, str]:
    """Return the notes of weights in this package with those that ``train`` would have written."""
    name = _ROWS[notes["row"]]
    network = MODELS[name]
    values = {key: str(value) for key, value in network.pretrained_input()._asdict().items()}
    limit = json.loads(LIMITS.read_text()).get(notes["row"])
    if limit is not None:
        values["penalty_limit"] = str(limit["penalty_limit"])
    return {**notes, **values, "model": name, "data": "mnist", "scaling": network.scaling}


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
    rubbish = scores.new_tensor([-criterion.j])
    shares = torch.cat([scores, rubbish]).softmax(dim=0)[:-1]  # eq. 9
    penalty = -float(scores.max())
    doubt = _doubt(penalty, trained.penalty_limit)
    return Prediction(digit, "probability", tuple(shares.tolist()), classes, penalty, doubt)


def penalty_limit(model: LeNet, digits: Digits) -> float:
    """Return the penalty that 99 % of the right answers stay under: above it, one is in doubt.

    The limit is as good as the digits are like those to come: take validation digits.

    Parameters
    ----------
    model
        A network with RBF units.
    digits
        Not those that it learns from, where there are others.

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
    return (
        f"{USUAL:.0%} of the validation digits that the network read right have a penalty of at "
        f"most {limit:.1f}; is this a digit?"
    ).replace("%", " %", 1)


def _known() -> str:
    names = ", ".join(map(repr, PRETRAINED))
    return f"name a file written by train, or one of {names}, which are in this package"
