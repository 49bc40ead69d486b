"""Naming the digit in a picture, with weights of one's own or those that travel with the package.

The latter are "lenet1", "lenet5" and "lenet5-dist", which has learned from distorted digits and
makes the fewest errors of the three: see `LeNet.from_pretrained`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image

from .._checks import check_finite
from .._devices import on_cpu
from .._inputs import InputForm
from ..data.pictures import prepare_digit
from ..data.scaling import scale
from ..models.base import WEIGHTS, LeNet
from ..models.criteria import squared_error
from ..models.networks import MODELS
from ..models.weights import load_weights, read_metadata

__all__ = ["PRETRAINED", "Prediction", "Trained", "load_trained", "predict"]

PRETRAINED = ("lenet1", "lenet5", "lenet5-dist")
# Their notes name only the row of experiments/paper_table.py that they come from, which says of
# which network they are. The network knows what its images were like.
_ROWS = {"LeNet-1 [16x16]": "lenet1", "LeNet-5": "lenet5", "LeNet-5 [dist]": "lenet5"}
_OTHERS = ("data", "scaling", "background", "ink")  # noted by ``train``
OF_DIGITS = ("mnist", "qmnist")  # of the data sets; the others' ten classes have other names


@dataclass(frozen=True)
class Prediction:
    """What a network reads in one picture; as text, the digit and how sure the network is.

    Attributes
    ----------
    digit
        0 to 9.
    kind
        What the scores are: "probability", which add up to 1, or "output" of a network that was
        trained towards +1 for the digit and -1 for the others.
    scores
        Ten, one for each digit.
    """

    digit: int
    kind: Literal["probability", "output"]
    scores: tuple[float, ...]

    def __str__(self) -> str:
        second = max((score, -d) for d, score in enumerate(self.scores) if d != self.digit)
        best = f"{self.digit} ({self.kind} {self.scores[self.digit]:.3f}, next {-second[1]}"
        return f"{best} with {second[0]:.3f})"


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
        What is kept with the weights: the model's name, data, scaling, and more.
    """

    name: str
    model: LeNet
    notes: Mapping[str, str]


@on_cpu
def load_trained(weights: str | os.PathLike[str]) -> Trained:
    """Return the network of a file that ``python -m lenet_utils train`` or this package wrote.

    Parameters
    ----------
    weights
        "lenet1", "lenet5" or "lenet5-dist", which travel with this package; any other text, and
        every ``Path``, is a file.

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
        digit = int(notes.get("digit", min(MODELS[notes["model"]].size, 28)))
    except ValueError as error:
        raise ValueError(f"{path} has notes that cannot be right: {error}") from error
    model = MODELS[notes["model"]]().float()
    load_weights(model, path)
    model.trained_on = InputForm(background, ink, model.size, digit)
    return Trained(os.fspath(weights), model.eval(), notes)


def _completed(notes: Mapping[str, str]) -> dict[str, str]:
    """Return the notes of weights in this package with those that ``train`` would have written."""
    name = _ROWS[notes["row"]]
    network = MODELS[name]
    values = {key: str(value) for key, value in network.pretrained_input()._asdict().items()}
    return {**notes, **values, "model": name, "data": "mnist", "scaling": network.scaling}


@on_cpu
def predict(
    image: str | os.PathLike[str] | Image.Image,
    weights: str | os.PathLike[str] | Trained = "lenet5-dist",
) -> Prediction:
    """Name the digit in a picture, which `prepare_digit` brings to MNIST's form.

    Parameters
    ----------
    image
        A picture of one digit, or the path of one in any format Pillow reads.
    weights
        What `load_trained` takes: "lenet1", "lenet5", "lenet5-dist", or a file written by
        ``python -m lenet_utils train``. For many pictures, what it returns: loaded once.

    Returns
    -------
    Prediction
        The digit, and ten scores.

    Raises
    ------
    FloatingPointError
        If the network gives out NaN.
    OSError
        If a file cannot be opened.
    TypeError
        If an argument is of another kind.
    ValueError
        If there is no digit in the picture, or the weights are not those of one of the networks, or
        have learned something else than digits.
    """
    trained = weights if isinstance(weights, Trained) else load_trained(weights)
    if trained.notes["data"] not in OF_DIGITS:
        raise ValueError(
            f"the weights {trained.name} have learned {trained.notes['data']!r}, whose classes are "
            f"no digits; take weights trained on {' or '.join(OF_DIGITS)}"
        )
    digit = scale(prepare_digit(image)[None], *trained.model.input)
    with torch.inference_mode():
        scores = trained.model(digit)[0].double()
    if scores.isnan().any():
        raise FloatingPointError(
            f"the network of {trained.name} answered with NaN. Most likely its training diverged: "
            "train it anew, with a tenth of the learning rate."
        )
    if trained.model.criterion is squared_error:  # targets of +1 and -1: no probabilities
        return Prediction(int(scores.argmax()), "output", tuple(scores.tolist()))
    return Prediction(int(scores.argmax()), "probability", tuple(scores.softmax(dim=0).tolist()))


def _known() -> str:
    names = ", ".join(map(repr, PRETRAINED))
    return f"name a file written by train, or one of {names}, which are in this package"
