"""Building a book in a process of its own, as its users do."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the book in ``folder`` as strictly as `make book` does; return code and messages."""
    return subprocess.run(
        [sys.executable, "-c", JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going"],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
