"""The digits of 1989, from envelopes: downloaded, and known by their checksum.

``torchvision.datasets.USPS`` reads LIBSVM's file of 7,291 and 2,007 digits in the same order, but,
it seems, not these pixels: as PNGs, says the card of the data set flwrlabs/usps, which is made from
that file, the 7,291 take 2.19 million bytes, and these 1.63 million; smoothed a little, they take
about as many. Hence this download of the digits as they come with *The Elements of Statistical
Learning*, from its authors' page. Neither download could be tried when this was written, for want
of a network: the form of the files is that of the page's ``zip.info.txt``, and the checksum is of
the same digits in the R package ElemStatLearn 2015.6.26.2.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from .._files import atomic_path

__all__ = ["TRAIN_1989", "read_envelopes"]

ADDRESS = "https://hastie.su.domains/ElemStatLearn/datasets/"
FILES = ("zip.train.gz", "zip.test.gz")
TRAIN_1989 = 7_291  # the first of the 9,298, from the first file
PIXELS = 16 * 16
# Of all pixels in thousandths, as little-endian int16, and then of all labels, as bytes.
SHA256 = "d9315fd570204b642fca1869af7ab461332109eeeaf2e5a52501fc1424891c84"
PATIENCE = 60  # seconds without a byte


def read_envelopes(cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the digits of 1989: ``(9298, 16, 16)`` float64, -1 to 1, and ``(9298,)`` int64.

    Files that lie in ``cache`` are read, and never written.

    Raises
    ------
    OSError
        If a file is neither there nor to be had, or holds other digits.
    """
    try:
        rows = np.concatenate([_rows(cache / name) for name in FILES])
        thousandths = np.round(rows[:, 1:] * 1_000).astype("<i2")
        labels = rows[:, 0].astype(np.uint8)
        found = hashlib.sha256(thousandths.tobytes() + labels.tobytes()).hexdigest()
        if found != SHA256:
            raise ValueError(
                f"{len(rows):,} other digits are there, of sha256 {found}, expected {SHA256}"
            )
    except (OSError, ValueError, EOFError) as error:  # no network, damage, other digits
        raise OSError(
            f"cannot get the digits of 1989 ({' and '.join(FILES)}) into {cache}: {error}. They "
            f"are downloaded at first use from {ADDRESS}: check the network, or put both files "
            "there by hand, and move away what has their names and is something else. 'optical' "
            "and 'pen' need no network."
        ) from error
    return (thousandths / 1_000).reshape(-1, 16, 16), labels.astype(np.int64)


def _rows(path: Path) -> np.ndarray:
    """Return ``(N, 257)``: in each line of a file the digit, then its pixels."""
    if not path.exists():
        with urlopen(ADDRESS + path.name, timeout=PATIENCE) as answer:
            content = answer.read()
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    rows = np.loadtxt(gzip.decompress(path.read_bytes()).decode("ascii").splitlines(), ndmin=2)
    if rows.shape[1] != 1 + PIXELS or not np.isfinite(rows).all() or np.abs(rows[:, 1:]).max() > 1:
        raise ValueError(
            f"{path.name} has lines of {rows.shape[1]} numbers, where a digit and its {PIXELS} "
            "pixels from -1 to 1 were expected"
        )
    return rows
