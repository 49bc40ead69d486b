"""What the experiments share: a CSV that grows run by run, and where its numbers come from."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
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
    "process",
    "provenance",
    "read_rows",
    "record",
    "run_all",
    "run_in_turn",
]

RESULTS = Path(lenet_utils.__file__).parent / "assets" / "results"
TRIES = 3  # of a run whose process is killed, as for want of memory
# Read when a library is loaded, so the processes that run are told before they start.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
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


def run_in_turn(
    run: Callable[..., dict[str, object]], wanted: Iterable[Mapping[str, object]], path: Path
) -> None:
    """Do the ``wanted`` runs that ``path`` does not have yet, one after the other, in this process.

    ``run`` is called with what names a run, and returns its row, which is written as it ends.
    """
    for names in wanted:
        if not is_recorded(path, names, tuple(names)):
            row = run(**names)
            record(path, [row], tuple(names))
            print(*names.values(), f"{row['validation_errors']} validation errors", flush=True)


def run_all(
    run: Callable[..., dict[str, object]], wanted: Iterable[Mapping[str, object]], path: Path
) -> None:
    """Do the ``wanted`` runs that ``path`` does not have yet, on all cores, and record each.

    ``run`` is called with what names a run, and returns its row, which is written as soon as the
    run ends, here and nowhere else. Each run has a process of its own, with one thread: where that
    is killed, only this run is done again.

    Raises
    ------
    RuntimeError
        If a run was killed each of three times.
    """
    open_runs = [dict(names) for names in wanted if not is_recorded(path, names, tuple(names))]
    if not open_runs:
        return
    count = min(len(open_runs), os.cpu_count() or 1)
    with (
        patch.dict(os.environ, ONE_THREAD),
        tqdm(total=len(open_runs), unit="run") as bar,
        ThreadPoolExecutor(count) as at_once,
    ):
        futures = {at_once.submit(in_a_process, run, names): names for names in open_runs}
        try:
            for future in as_completed(futures):
                names = futures[future]
                record(path, [future.result()], tuple(names))
                bar.set_postfix_str(" ".join(str(name) for name in names.values()))
                bar.update()
        except BaseException:  # Ctrl-C too: what has not begun shall not
            at_once.shutdown(wait=False, cancel_futures=True)
            raise


def in_a_process(
    run: Callable[..., dict[str, object]], names: Mapping[str, object]
) -> dict[str, object]:
    """Return the row of a run that has a process of its own, done again if that is killed."""
    for _ in range(TRIES):
        with process() as worker:
            try:
                return worker.submit(run, **names).result()
            except BrokenProcessPool as error:
                killed = error
    raise RuntimeError(
        f"the process of the run {dict(names)} was killed {TRIES} times: is there memory enough?"
    ) from killed


def process() -> ProcessPoolExecutor:
    """Return one process for runs; forked, it would share what threads of this one hold locked."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def fit_whole(*arguments: Any, **options: Any) -> History:
    """Call `fit`, and pass Ctrl-C on where it stopped: half a training is no result."""
    history = fit(*arguments, **options)
    if history.interrupted:
        raise KeyboardInterrupt
    return history


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
