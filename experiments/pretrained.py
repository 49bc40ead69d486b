"""The weights that travel with the package: the modern recipe's first seed.

    python experiments/pretrained.py

trains each network of `KEPT` as in paper_table.py, on all training digits, and writes its weights
to lenet_utils/assets/weights, with their line of the table beside them as metadata; the line goes
into the table as well. The first seed is kept, whatever its test errors: picking by those would
make them worthless.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from paper_table import plan, trained
from recording import RESULTS, record

from lenet_utils.models import save_weights
from lenet_utils.models.base import WEIGHTS

__all__ = ["KEPT", "main"]

KEPT = {
    "LeNet-1 [16x16]": "lenet1.safetensors",
    "LeNet-5": "lenet5.safetensors",
    "LeNet-5 [dist]": "lenet5-dist.safetensors",
}


def main(
    rows: Iterable[str] = KEPT, folder: Path = WEIGHTS, table: Path = RESULTS / "paper_table.csv"
) -> None:
    """Train and write what is missing in ``folder``."""
    folder.mkdir(exist_ok=True)
    for row in rows:
        if not (folder / KEPT[row]).exists():
            (names,) = plan([row], ["modern"], seeds=1, choose=False)
            model, line = trained(**names)
            notes = {name: str(value) for name, value in line.items() if value is not None}
            save_weights(model, folder / KEPT[row], notes)
            record(table, [line], tuple(names))


if __name__ == "__main__":
    main()
