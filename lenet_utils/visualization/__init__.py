"""The book's figures: each function takes data and returns a matplotlib ``Figure``.

A figure is forgotten by pyplot as soon as it is made: a notebook shows it once, as a cell's last
value, and nothing is left open. `use_style` gives the look; without it the figures follow whatever
matplotlib is set to.
"""

from .curves import activation_curves, gradient_norms, learning_curves
from .digits import confusion_matrix, digit_grid
from .maps import connection_table, feature_maps, kernels
from .network import architecture
from .preparation import preparation_steps
from .style import COLORS, use_style

__all__ = [
    "COLORS",
    "activation_curves",
    "architecture",
    "confusion_matrix",
    "connection_table",
    "digit_grid",
    "feature_maps",
    "gradient_norms",
    "kernels",
    "learning_curves",
    "preparation_steps",
    "use_style",
]
