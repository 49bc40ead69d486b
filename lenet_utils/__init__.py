"""The LeNet family as published, with MNIST inside: the package behind the LeNet book.

Importing it seeds nothing, prints nothing, downloads nothing and changes no setting.
"""

from .accounting import layer_outputs, summary
from .data import Digits, Splits, load_mnist, scale
from .distortions import distort
from .evaluation import Evaluation, evaluate
from .history import History
from .layers import ScaledTanh, SparseConv2d, Subsampling
from .losses import DiscriminativeLoss, mean_penalty, squared_error
from .models import LeNet, LeNet1, LeNet4, LeNet5, LeNet1989
from .optim import SDLM, published_schedule
from .preparation import prepare_digit
from .rbf import RBFOutput, digit_codes
from .tables import C3_TABLE, H3_TABLE, connection_matrix
from .training import fit, one_cycle
from .weights import load_weights, save_weights

__all__ = [
    "C3_TABLE",
    "H3_TABLE",
    "SDLM",
    "Digits",
    "DiscriminativeLoss",
    "Evaluation",
    "History",
    "LeNet",
    "LeNet1",
    "LeNet4",
    "LeNet5",
    "LeNet1989",
    "RBFOutput",
    "ScaledTanh",
    "SparseConv2d",
    "Splits",
    "Subsampling",
    "connection_matrix",
    "digit_codes",
    "distort",
    "evaluate",
    "fit",
    "layer_outputs",
    "load_mnist",
    "load_weights",
    "mean_penalty",
    "one_cycle",
    "prepare_digit",
    "published_schedule",
    "save_weights",
    "scale",
    "squared_error",
    "summary",
]
__version__ = "0.1.0"
