"""Training, and what is measured of it: the loop, the papers' optimiser, evaluation, seeds."""

from .comparison import Difference, difference, paired_difference, student_t, told_apart
from .curvature import diagonal_curvature
from .evaluation import Evaluation, evaluate
from .fitting import automatic_device, fit
from .gradients import layer_gradient_norms
from .history import History
from .prediction import Prediction, penalty_limit, predict
from .recipes import MODERN, PUBLISHED, Modern, Published, modern_recipe, published_recipe
from .schedules import PUBLISHED_RATES, one_cycle, published_schedule
from .sdlm import SDLM
from .signs import TrainingWarning
from .trained import PRETRAINED, Trained, load_trained

__all__ = [
    "MODERN",
    "PRETRAINED",
    "PUBLISHED",
    "PUBLISHED_RATES",
    "SDLM",
    "Difference",
    "Evaluation",
    "History",
    "Modern",
    "Prediction",
    "Published",
    "Trained",
    "TrainingWarning",
    "automatic_device",
    "diagonal_curvature",
    "difference",
    "evaluate",
    "fit",
    "layer_gradient_norms",
    "load_trained",
    "modern_recipe",
    "one_cycle",
    "paired_difference",
    "penalty_limit",
    "predict",
    "published_recipe",
    "published_schedule",
    "student_t",
    "told_apart",
]
