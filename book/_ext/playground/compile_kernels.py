"""Compile kernels.c to kernels.wasm: ``python book/_ext/playground/compile_kernels.py``.

The result is kept beside its source, so that building the book takes no compiler. Zig brings Clang,
and pip brings Zig: the same version makes the same bytes on every machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("kernels.c")
COMPILED = SOURCE.with_suffix(".wasm")
OPTIONS = (
    *("--target=wasm32-freestanding", "-mcpu=generic+simd128+bulk_memory", "-std=c11", "-O3"),
    "-ffp-contract=off",  # no two operations in one, which rounds otherwise
    *("-nostdlib", "-Wall", "-Wextra", "-Werror"),
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--export=__heap_base", "-Wl,-z,stack-size=4096"),
)


def compiled(source: Path = SOURCE) -> bytes:
    """Return what ``source`` becomes.

    Raises
    ------
    subprocess.CalledProcessError
        If it does not compile; the compiler has said why.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "kernels.wasm")
        places = {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
        command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, "-o", str(out), source.name]
        subprocess.run(command, check=True, cwd=source.parent, env={**os.environ, **places})
        return out.read_bytes()


if __name__ == "__main__":
    COMPILED.write_bytes(compiled())
