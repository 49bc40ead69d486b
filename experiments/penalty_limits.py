"""What is usual for the weights that travel with the package: above it, an answer is in doubt.

    python experiments/penalty_limits.py

writes for each network with RBF units the penalty that 99 % of its right answers stay under, on the
5,000 digits that `load_mnist` holds out. These weights have learned from all training digits, the
held-out ones among them: digits that are new have larger penalties now and then. So the file says
as well how many of the right answers on the test digits are above.
"""

from __future__ import annotations

import json
from pathlib import Path

from lenet_utils import evaluate, load_mnist
from lenet_utils._files import atomic_path
from lenet_utils.models import MODELS, read_metadata
from lenet_utils.models.base import WEIGHTS
from lenet_utils.models.criteria import DiscriminativeLoss
from lenet_utils.training import penalty_limit
from lenet_utils.training.prediction import USUAL
from lenet_utils.training.trained import LIMITS

__all__ = ["main"]


def main(path: Path = LIMITS) -> None:
    """Write the file anew."""
    limits = {}
    for network in MODELS.values():
        for name, file in network.pretrained.items():
            model = network.from_pretrained(name)
            if not isinstance(model.criterion, DiscriminativeLoss):
                continue
            digits = load_mnist(for_=model)
            assert digits.validation is not None
            limit = penalty_limit(model, digits.validation)
            test = evaluate(model, digits.test)
            right = test.predictions == test.labels
            above = float((-test.scores.amax(dim=1)[right] > limit).double().mean())
            limits[read_metadata(WEIGHTS / file)["row"]] = {
                "penalty_limit": round(limit, 3),
                "share_of_right_validation_digits_below": USUAL,
                "validation_digits": len(digits.validation),
                "share_of_right_test_digits_above": round(above, 4),
            }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(limits, indent=2) + "\n")


if __name__ == "__main__":
    main()
