"""A page with the scripts of the networks and their training, and nothing of a book around them."""

import base64
import json
import shutil

import numpy as np
from browsing import PATIENCE
from building import ROOT
from playground import DRAWING, LEARNING, NETWORK, WEIGHTS, networks

from lenet_utils._inputs import FIXED_SCALINGS

__all__ = ["bytes_of", "floats_of", "in_base64", "open_small_page", "write_small_page"]

SOURCES = ROOT / "book" / "_static" / "playground"


def write_small_page(folder):
    """Write the page into ``folder``; return its path."""
    drawing = [name for name in DRAWING if name.startswith("preparation/")]
    scripts = [*NETWORK, *drawing, *LEARNING, *WEIGHTS]
    for name in scripts:
        if name != "data/kernels":
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(SOURCES / f"{name}.js", folder / name.rpartition("/")[0])
    (folder / "data").mkdir()
    networks.write_kernels(folder / "data")
    tags = "".join(f'<script src="{name}.js"></script>\n' for name in scripts)
    told = f"<script>Object.assign(lenet, {json.dumps(networks.published())});</script>"
    path = folder / "page.html"
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>Networks</title>\n{tags}{told}\n")
    return path


HELP = """() => {
    self.packed = (array) => {
        const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
        let text = "";
        for (const byte of bytes) text += String.fromCharCode(byte);
        return btoa(text);
    };
    self.floats = (text) => new Float32Array(lenet.bytes(text).buffer);
}"""


def open_small_page(browser, path, *, compiled=True):
    """Open the page, from its file; with ``compiled=False`` as in a browser without WebAssembly."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(path.as_uri())
    page.evaluate(HELP)
    if not compiled:
        page.evaluate("() => { lenet.compiledKernels = ''; }")
    return page


def in_base64(array):
    """Return an array's bytes as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def floats_of(text):
    """Return the numbers of 32 bits that the page has ``packed``."""
    return np.frombuffer(base64.b64decode(text), "<f4")


def bytes_of(digits):
    """Return MNIST's bytes, ``(N, 784)``, of digits as the papers scaled them."""
    inner = digits.images[:, 0, 2:-2, 2:-2]
    background, ink = FIXED_SCALINGS["1998"]
    share = (inner - background) / (ink - background)
    return (share * 255).round().byte().reshape(len(digits), -1).numpy()
