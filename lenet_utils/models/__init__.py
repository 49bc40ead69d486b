"""The networks of the papers, the layers they are made of, and what can be asked of a network."""

from .base import LeNet, layer_label
from .boosted import Boosted
from .connections import C3_TABLE, H2_TABLE, H3_TABLE, LENET4_TABLE, connection_matrix
from .counting import summary
from .criteria import DiscriminativeLoss, mean_penalty, squared_error
from .digit_codes import CODE_SHAPE, Negation, RBFOutput, digit_codes
from .initialization import initialize_as_published, initialize_like_lush
from .inside import layer_outputs
from .layer_kinds import KINDS, LayerKind, kind_of
from .layers import ScaledTanh, SparseConv2d, Subsampling, Twice, UnitBias
from .networks import MODELS, LeNet1, LeNet4, LeNet5, LeNet1989
from .weights import load_weights, read_metadata, save_weights

__all__ = [
    "C3_TABLE",
    "CODE_SHAPE",
    "H2_TABLE",
    "H3_TABLE",
    "KINDS",
    "LENET4_TABLE",
    "MODELS",
    "Boosted",
    "DiscriminativeLoss",
    "LayerKind",
    "LeNet",
    "LeNet1",
    "LeNet4",
    "LeNet5",
    "LeNet1989",
    "Negation",
    "RBFOutput",
    "ScaledTanh",
    "SparseConv2d",
    "Subsampling",
    "Twice",
    "UnitBias",
    "connection_matrix",
    "digit_codes",
    "initialize_as_published",
    "initialize_like_lush",
    "kind_of",
    "layer_label",
    "layer_outputs",
    "load_weights",
    "mean_penalty",
    "read_metadata",
    "save_weights",
    "squared_error",
    "summary",
]
