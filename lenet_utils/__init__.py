"""The LeNet family as published, with MNIST inside: the package behind the LeNet book.

Importing it seeds nothing, prints nothing, downloads nothing and changes no setting.
"""

from .accounting import layer_outputs, summary
from .data import Digits, Splits, load_mnist, scale
from .evaluation import Evaluation, evaluate
from .history import History
from .layers import C3_TABLE, H3_TABLE, ScaledTanh, SparseConv2d, Subsampling, connection_matrix
from .models import LeNet, LeNet1, LeNet5
from .preparation import prepare_digit
from .training import fit, one_cycle
from .weights import load_weights, save_weights

__all__ = [
    "C3_TABLE",
    "H3_TABLE",
    "Digits",
    "Evaluation",
    "History",
    "LeNet",
    "LeNet1",
    "LeNet5",
    "ScaledTanh",
    "SparseConv2d",
    "Splits",
    "Subsampling",
    "connection_matrix",
    "evaluate",
    "fit",
    "layer_outputs",
    "load_mnist",
    "load_weights",
    "one_cycle",
    "prepare_digit",
    "save_weights",
    "scale",
    "summary",
]
__version__ = "0.1.0"
