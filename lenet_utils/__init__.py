"""The LeNet family as published, with MNIST inside: the package behind the LeNet book.

Importing it seeds nothing, prints nothing, downloads nothing and changes no setting.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the names below for type checkers and editors, which run nothing
    from .accounting import summary as summary
    from .data import Digits as Digits
    from .data import Splits as Splits
    from .data import load_mnist as load_mnist
    from .data import scale as scale
    from .distortions import distort as distort
    from .evaluation import Evaluation as Evaluation
    from .evaluation import evaluate as evaluate
    from .history import History as History
    from .inside import layer_outputs as layer_outputs
    from .layers import ScaledTanh as ScaledTanh
    from .layers import SparseConv2d as SparseConv2d
    from .layers import Subsampling as Subsampling
    from .losses import DiscriminativeLoss as DiscriminativeLoss
    from .losses import mean_penalty as mean_penalty
    from .losses import squared_error as squared_error
    from .models import LeNet as LeNet
    from .models import LeNet1 as LeNet1
    from .models import LeNet4 as LeNet4
    from .models import LeNet5 as LeNet5
    from .models import LeNet1989 as LeNet1989
    from .optim import SDLM as SDLM
    from .prediction import Prediction as Prediction
    from .prediction import predict as predict
    from .preparation import prepare_digit as prepare_digit
    from .rbf import RBFOutput as RBFOutput
    from .rbf import digit_codes as digit_codes
    from .schedules import one_cycle as one_cycle
    from .schedules import published_schedule as published_schedule
    from .tables import C3_TABLE as C3_TABLE
    from .tables import H3_TABLE as H3_TABLE
    from .tables import connection_matrix as connection_matrix
    from .training import fit as fit
    from .weights import load_weights as load_weights
    from .weights import save_weights as save_weights

# Each public name and its module, which is imported when the name is first asked for (PEP 562):
# the command line says its help, and refuses a wrong option, before PyTorch is there.
_MODULE_OF = {
    "C3_TABLE": "tables",
    "H3_TABLE": "tables",
    "SDLM": "optim",
    "Digits": "data",
    "DiscriminativeLoss": "losses",
    "Evaluation": "evaluation",
    "History": "history",
    "LeNet": "models",
    "LeNet1": "models",
    "LeNet4": "models",
    "LeNet5": "models",
    "LeNet1989": "models",
    "Prediction": "prediction",
    "RBFOutput": "rbf",
    "ScaledTanh": "layers",
    "SparseConv2d": "layers",
    "Splits": "data",
    "Subsampling": "layers",
    "connection_matrix": "tables",
    "digit_codes": "rbf",
    "distort": "distortions",
    "evaluate": "evaluation",
    "fit": "training",
    "layer_outputs": "inside",
    "load_mnist": "data",
    "load_weights": "weights",
    "mean_penalty": "losses",
    "one_cycle": "schedules",
    "predict": "prediction",
    "prepare_digit": "preparation",
    "published_schedule": "schedules",
    "save_weights": "weights",
    "scale": "data",
    "squared_error": "losses",
    "summary": "accounting",
}
__all__ = list(_MODULE_OF)
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value  # the next time it is simply there
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
