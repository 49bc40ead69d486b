"""Run one notebook in a kernel of its own, and say where it failed in words an author can use."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import zmq
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

# A socket's address holds 108 bytes on Linux and 104 on macOS and BSD, with a zero at the end.
LONGEST_SOCKET = 103
SOCKET = "kernel-ipc-99999"  # what jupyter_client 8 makes of the connection file kernel.json
# Figures of twice the pixels, for screens that have them; a notebook shows them as large as usual.
ARGUMENTS = ["--InlineBackend.figure_format=retina"]
COLOR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """Where a notebook stopped, and why; ``cell`` is its place among all cells, from 0."""

    cell: int
    line: int | None  # of the cell's code, from 1; None where no line is to blame
    error: str
    traceback: str = ""


class Run:
    """One run of a notebook, which gets its outputs in place; ``seconds`` is there at its end."""

    def __init__(
        self,
        notebook: NotebookNode,
        folder: Path,
        *,
        timeout: int | None,
        allow_errors: bool,
        environment: Mapping[str, str],
    ):
        self.notebook = notebook
        self.folder = folder
        self.environment = dict(environment)
        # As jupyter-cache 1.0 does it: a notebook's own metadata has the last word.
        own = notebook.metadata.get("execution", {})
        self.timeout = own.get("timeout", timeout)
        self.allow_errors = own.get("allow_errors", allow_errors)
        self.seconds = 0.0
        self._client: NotebookClient | None = None
        self._cell = 0

    def execute(self) -> Failure | None:
        """Run all cells; return what stopped them, or None if nothing did."""
        started = time.perf_counter()
        try:
            with connection() as settings:
                self._client = NotebookClient(
                    self.notebook,
                    config=settings,
                    timeout=self.timeout,
                    allow_errors=self.allow_errors,
                    extra_arguments=ARGUMENTS,
                    record_timing=False,  # it would go into the key of the cache
                    resources={"metadata": {"path": str(self.folder)}},
                    on_cell_start=self._note_cell,
                )
                asyncio.run(self._client.async_execute(env=self.environment))
        except CellExecutionError as error:
            return self._failed(f"{error.ename}: {error.evalue}")
        except CellTimeoutError:
            return Failure(self._cell, None, f"it was not done after {self.timeout} seconds")
        except DeadKernelError:
            return Failure(self._cell, None, "its kernel died, as for want of memory")
        finally:
            self.seconds = time.perf_counter() - started
        return None

    def stop(self) -> None:
        """End the kernel, from another thread; `execute` then returns."""
        manager = self._client and self._client.km
        pid = getattr(getattr(manager, "provisioner", None), "pid", None)
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _note_cell(self, cell: NotebookNode, cell_index: int) -> None:
        self._cell = cell_index

    def _failed(self, error: str) -> Failure:
        """Return the failure of the cell that ran last, with the traceback among its outputs."""
        cell = self.notebook.cells[self._cell]
        raised = [output for output in cell.outputs if output.output_type == "error"]
        traceback = COLOR.sub("", "\n".join(raised[-1].traceback)) if raised else error
        count = cell.execution_count or ""
        line = re.search(rf"Cell In\[{count}\], line (\d+)", traceback)
        return Failure(self._cell, int(line[1]) if line else None, error, traceback)


@contextmanager
def connection() -> Iterator[Config]:
    """Give the settings of a kernel that is spoken to through sockets in a folder of ours.

    By TCP, which is Jupyter's default, everybody on this machine could listen, and ipykernel 7 says
    so at each start. Where there is no such socket, or only in a folder whose name is too long for
    one, it stays with TCP.
    """
    parent = folder_for_sockets()
    if parent is None:
        yield Config()
        return
    with tempfile.TemporaryDirectory(prefix="book", dir=parent) as folder:
        # Without a connection file the socket would lie in the folder where the process happens to
        # be (jupyter_client 8), and the kernel's is another than ours.
        file = str(Path(folder) / "kernel.json")
        yield Config(AsyncKernelManager={"transport": "ipc", "connection_file": file})


def folder_for_sockets() -> str | None:
    """Return a folder for temporary files whose name is short enough for a socket's address."""
    if not zmq.has("ipc") or os.name == "nt":
        return None
    for folder in (tempfile.gettempdir(), "/tmp"):
        longest = os.path.join(os.path.abspath(folder), "book12345678", SOCKET)
        if len(os.fsencode(longest)) <= LONGEST_SOCKET and os.access(folder, os.W_OK):
            return folder
    return None
