"""Trained networks with what is known of them: those of this package, and files of ``train``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from .._checks import check_finite, check_one_of, check_positive
from .._devices import on_cpu
from .._files import ASSETS
from .._inputs import InputForm
from ..data.idx import CLASSES, DIGITS
from ..models.base import WEIGHTS, LeNet
from ..models.criteria import RUBBISH
from ..models.networks import MODELS
from ..models.weights import load_weights, read_metadata

__all__ = ["PRETRAINED", "Trained", "load_trained"]

PRETRAINED = ("lenet1", "lenet5", "lenet5-dist", "lenet5-hands")
# Their notes name only the row of a table that they come from, which says of which network they
# are. The network knows what its images were like.
_ROWS = {
    "LeNet-1 [16x16]": "lenet1",
    "LeNet-5": "lenet5",
    "LeNet-5 [dist]": "lenet5",
    "LeNet-5 [hands]": "lenet5",
}
LIMITS = ASSETS / "penalty_limits.json"  # by row; experiments/penalty_limits.py writes it
_OTHERS = ("data", "scaling", "background", "ink")  # noted by ``train``


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
        it is there, has the names of the classes as a list in JSON, ``penalty_limit`` what
        `penalty_limit` found, and ``rubbish_penalty`` the j of eq. 9 where it was another than 1.
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

    @property
    def rubbish_penalty(self) -> float:
        """The constant penalty j of the class "rubbish" in eq. 9, with which it was trained."""
        return float(self.notes.get("rubbish_penalty", RUBBISH))


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
        check_positive("rubbish_penalty", float(notes.get("rubbish_penalty", RUBBISH)))
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


def _known() -> str:
    names = ", ".join(map(repr, PRETRAINED))
    return f"name a file written by train, or one of {names}, which are in this package"
