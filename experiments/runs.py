"""What the experiments share: a CSV that grows run by run, and where its numbers come from."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch

import lenet_utils
from lenet_utils.files import atomic_path

__all__ = ["RESULTS", "arguments", "is_recorded", "provenance", "read_rows", "record"]

RESULTS = Path(lenet_utils.__file__).parent / "assets" / "results"
KEY = ("variant", "seed", "train_size", "epochs")  # what makes two runs the same run


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows recorded so far; none where there is no file yet."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(KEY))


def is_recorded(path: Path, run: Mapping[str, object]) -> bool:
    """Tell whether ``path`` has a row of this ``run`` already."""
    return bool(_same_run(read_rows(path), run).any())


def record(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Add the ``rows`` of one run to ``path``, in place of older ones of the same run.

    The file is replaced whole, by renaming: whoever stops the program finds a complete CSV.
    """
    old = read_rows(path)
    kept = old[~_same_run(old, rows[0])]
    frame = pd.concat([kept, pd.DataFrame(rows)]) if len(kept) else pd.DataFrame(rows)
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False)


def _same_run(rows: pd.DataFrame, run: Mapping[str, object]) -> pd.Series:
    same = pd.Series(True, index=rows.index)
    for column in KEY:
        same &= rows[column] == run[column]
    return same


def provenance() -> dict[str, object]:
    """Return with what the numbers of a row were made."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit checked out, 'uncommitted' where there is none or something has changed."""
    folder = Path(__file__).parent
    try:
        head = _git("rev-parse", "--short=12", "HEAD", folder=folder)
        changed = _git("status", "--porcelain", "--", "../lenet_utils/*.py", ".", folder=folder)
    except (OSError, subprocess.CalledProcessError):
        return "uncommitted"
    return "uncommitted" if changed else head


def _git(*command: str, folder: Path) -> str:
    done = subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def arguments(
    description: str, out: str, *, seeds: int, epochs: int, given: Iterable[str] | None = None
) -> argparse.Namespace:
    """Read the command line that all experiments share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, from 0 on")
    parser.add_argument("--epochs", type=int, default=epochs, help="passes over the training set")
    parser.add_argument("--train-size", type=int, default=55_000, help="digits to learn from")
    parser.add_argument("--out", type=Path, default=RESULTS / out, help="the CSV to add to")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    options = parser.parse_args(None if given is None else list(given))
    torch.set_num_threads(options.threads)
    return options
