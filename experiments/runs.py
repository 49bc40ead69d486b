"""What the experiments share: a CSV that grows run by run, and where its numbers come from."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import dask
import pandas as pd
import torch
from distributed import Client, as_completed
from tqdm import tqdm

import lenet_utils
from lenet_utils import Digits, History, Splits, fit
from lenet_utils._files import atomic_path

__all__ = [
    "RESULTS",
    "all_training_digits",
    "arguments",
    "fit_whole",
    "is_recorded",
    "provenance",
    "read_rows",
    "record",
    "run_all",
    "workers_here",
]

RESULTS = Path(lenet_utils.__file__).parent / "assets" / "results"
# Dask looks at its workers up to a hundred times a second, and each look takes Python's lock away
# from the training: on a busy machine that halves its speed. And it has them give freed memory back
# at once, which costs a training that takes and frees it all the time a third of its speed. (Where
# one of the two thresholds is set, the C library leaves both as they are.)
QUIETLY = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": str(2**30),
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": str(2**30),
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "10s",
    "distributed.admin.system-monitor.interval": "10s",
}
KEY = ("variant", "seed", "train_size", "epochs")  # what makes two runs the same run


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows recorded so far; none where there is no file yet."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(KEY))


def is_recorded(path: Path, run: Mapping[str, object], key: Sequence[str] = KEY) -> bool:
    """Tell whether ``path`` has a row of this ``run`` already."""
    return bool(_same_run(read_rows(path), run, key).any())


def record(path: Path, rows: Sequence[Mapping[str, object]], key: Sequence[str] = KEY) -> None:
    """Add the ``rows`` of one run to ``path``, in place of older ones of the same run.

    The file is replaced whole, by renaming: whoever stops the program finds a complete CSV.
    """
    old = read_rows(path)
    kept = old[~_same_run(old, rows[0], key)]
    frame = pd.concat([kept, pd.DataFrame(rows)]) if len(kept) else pd.DataFrame(rows)
    whole = frame.convert_dtypes()  # counts stay whole numbers beside runs that have none
    with atomic_path(path) as temporary:
        whole.to_csv(temporary, index=False)


def _same_run(rows: pd.DataFrame, run: Mapping[str, object], key: Sequence[str]) -> pd.Series:
    same = pd.Series(True, index=rows.index)
    for column in key:
        same &= rows[column] == run[column] if column in rows else False
    return same


def run_all(
    run: Callable[..., dict[str, object]],
    wanted: Iterable[Mapping[str, object]],
    path: Path,
    scheduler: str | None = None,
) -> None:
    """Do the ``wanted`` runs that ``path`` does not have yet, on all cores, and record each.

    ``run`` is called with what names a run, on a Dask worker, and returns its row. Without a
    ``scheduler`` the workers are processes of this machine, one for each core; with one they are
    those of its cluster, which must have this checkout installed and ``experiments`` on PYTHONPATH.
    A row is written as soon as its run ends, here and nowhere else; a worker that dies loses its
    current run only, which Dask gives to another.
    """
    open_runs = [dict(names) for names in wanted if not is_recorded(path, names, tuple(names))]
    if not open_runs:
        return
    run, count = _importable(run), min(len(open_runs), os.cpu_count() or 1)
    connection = Client(scheduler) if scheduler else workers_here(count)
    with connection as client, tqdm(total=len(open_runs), unit="run") as bar:
        futures = {client.submit(run, **names, pure=False): names for names in open_runs}
        for future, row in as_completed(futures, with_results=True):
            record(path, [row], tuple(futures[future]))
            bar.set_postfix_str(" ".join(str(name) for name in futures[future].values()))
            bar.update()


def _importable(run: Callable[..., dict[str, object]]) -> Callable[..., dict[str, object]]:
    """Return ``run`` from the module of the script that was started.

    That script is ``__main__`` only here; in the processes of a cluster ``__main__`` is another.
    """
    script = getattr(sys.modules["__main__"], "__file__", None)
    if run.__module__ != "__main__" or script is None:
        return run
    found: Callable[..., dict[str, object]]
    found = getattr(importlib.import_module(Path(script).stem), run.__name__)
    return found


def fit_whole(*arguments: Any, **options: Any) -> History:
    """Call `fit`, and pass Ctrl-C on where it stopped: half a training is no result."""
    history = fit(*arguments, **options)
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def workers_here(count: int) -> Client:
    """Start ``count`` processes here; they end with the client, also when a run fails."""
    with dask.config.set(QUIETLY):
        # Any free port: the usual one may be another cluster's.
        return Client(n_workers=count, threads_per_worker=1, dashboard_address=":0")


def all_training_digits(mnist: Splits) -> Digits:
    """Return the training digits with the validation digits behind them, as final runs learn."""
    images = torch.cat([mnist.train.images, mnist.validation.images])
    return Digits(images, torch.cat([mnist.train.labels, mnist.validation.labels]))


def provenance() -> dict[str, object]:
    """Return with what the numbers of a row are made; to be called before they are."""
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


@cache  # what is checked out later is not what runs here
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
    if not 1 <= options.train_size <= 55_000:
        parser.error(f"there are 55,000 training digits, --train-size got {options.train_size:,}")
    torch.set_num_threads(options.threads)
    return options
