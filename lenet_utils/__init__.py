"""The LeNet family as published, with MNIST inside: the package behind the LeNet book.

Importing it seeds nothing, prints nothing, downloads nothing and changes no setting. The examples
of its docstrings take for granted ``import math``, ``import torch``, ``from torch import nn``,
``from PIL import Image``, and all names of ``lenet_utils`` and ``lenet_utils.visualization``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the names below for type checkers and editors, which run nothing
    from ._inputs import InputWarning as InputWarning
    from .data import Digits as Digits
    from .data import Splits as Splits
    from .data import distort as distort
    from .data import load_digits_of as load_digits_of
    from .data import load_mnist as load_mnist
    from .data import prepare_digit as prepare_digit
    from .data import scale as scale
    from .models import C3_TABLE as C3_TABLE
    from .models import H3_TABLE as H3_TABLE
    from .models import DiscriminativeLoss as DiscriminativeLoss
    from .models import LeNet as LeNet
    from .models import LeNet1 as LeNet1
    from .models import LeNet4 as LeNet4
    from .models import LeNet5 as LeNet5
    from .models import LeNet1989 as LeNet1989
    from .models import RBFOutput as RBFOutput
    from .models import ScaledTanh as ScaledTanh
    from .models import SparseConv2d as SparseConv2d
    from .models import Subsampling as Subsampling
    from .models import connection_matrix as connection_matrix
    from .models import digit_codes as digit_codes
    from .models import layer_outputs as layer_outputs
    from .models import load_weights as load_weights
    from .models import mean_penalty as mean_penalty
    from .models import save_weights as save_weights
    from .models import squared_error as squared_error
    from .models import summary as summary
    from .training import SDLM as SDLM
    from .training import Evaluation as Evaluation
    from .training import History as History
    from .training import Prediction as Prediction
    from .training import TrainingWarning as TrainingWarning
    from .training import evaluate as evaluate
    from .training import fit as fit
    from .training import one_cycle as one_cycle
    from .training import predict as predict
    from .training import published_schedule as published_schedule

# Each public name and its room, which is imported when the name is first asked for (PEP 562):
# the command line says its help, and refuses a wrong option, before PyTorch is there.
_ROOM_OF = {
    "C3_TABLE": "models",
    "H3_TABLE": "models",
    "SDLM": "training",
    "Digits": "data",
    "DiscriminativeLoss": "models",
    "Evaluation": "training",
    "History": "training",
    "InputWarning": "_inputs",
    "LeNet": "models",
    "LeNet1": "models",
    "LeNet4": "models",
    "LeNet5": "models",
    "LeNet1989": "models",
    "Prediction": "training",
    "RBFOutput": "models",
    "ScaledTanh": "models",
    "SparseConv2d": "models",
    "Splits": "data",
    "Subsampling": "models",
    "TrainingWarning": "training",
    "connection_matrix": "models",
    "digit_codes": "models",
    "distort": "data",
    "evaluate": "training",
    "fit": "training",
    "layer_outputs": "models",
    "load_digits_of": "data",
    "load_mnist": "data",
    "load_weights": "models",
    "mean_penalty": "models",
    "one_cycle": "training",
    "predict": "training",
    "prepare_digit": "data",
    "published_schedule": "training",
    "save_weights": "models",
    "scale": "data",
    "squared_error": "models",
    "summary": "models",
}
__all__ = list(_ROOM_OF)
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_ROOM_OF[name]}", __name__), name)
    globals()[name] = value  # the next time it is simply there
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
