"""The trained networks and a few digits, written as classic scripts for the browser.

A script works from file://, where a page may not fetch data. Weights are rounded to 16 bits, which
halves what a reader waits for: a tensor's largest weight is 32,767 steps. All 10,000 test digits
get the same answers with them; with 8 bits a few of each network's would change.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from torch import Tensor, nn

from lenet_utils import (
    Digits,
    LeNet,
    LeNet1,
    LeNet5,
    digit_codes,
    evaluate,
    load_mnist,
)
from lenet_utils._files import atomic_path
from lenet_utils.models import C3_TABLE, CODE_SHAPE, kind_of, layer_label, read_metadata
from lenet_utils.models.base import WEIGHTS
from lenet_utils.models.layer_kinds import known_parts
from lenet_utils.training import PUBLISHED_RATES, load_trained
from lenet_utils.visualization import COLORS
from lenet_utils.visualization.maps import SIGNED

EXAMPLES = 5  # of each class
MISTAKES = 10  # of each network
KERNELS = Path(__file__).with_name("kernels.wasm")
STEPS = 2**15 - 1  # from 0 to a tensor's largest weight


@dataclass(frozen=True)
class Network:
    """One that the panels offer: its name and where it comes from."""

    title: str
    model: type[LeNet]
    weights: str = "plain"

    def trained(self) -> LeNet:
        return self.model.from_pretrained(self.weights)

    def test_digits(self) -> Digits:
        """Return the 10,000 test digits as this network gets them."""
        return load_mnist(for_=self.trained()).test

    def penalty_limit(self) -> float | None:
        """Return the penalty above which an answer is in doubt; None of outputs."""
        return load_trained(WEIGHTS / self.model.pretrained[self.weights]).penalty_limit

    def measured(self) -> dict[str, str]:
        """Return what is noted beside the weights: among others how many test digits it missed."""
        return read_metadata(WEIGHTS / self.model.pretrained[self.weights])


OFFERED = {
    "lenet1": Network("LeNet-1", LeNet1),
    "lenet5": Network("LeNet-5", LeNet5),
    "lenet5-dist": Network("LeNet-5 [dist]", LeNet5, "dist"),
}


def write_scripts(folder: Path) -> None:
    """Write into ``folder`` a script for each network, one for the kernels, one for the rest."""
    mistakes: list[int] = []
    for key, network in OFFERED.items():
        described = describe(network)
        mistakes += described["mistakes"]
        write_script(
            folder / f"{key}.js", f"lenet.addNetwork({json.dumps(key)}, {_json(described)});"
        )
    shared = {
        "bitmap": dict(zip(("rows", "columns"), CODE_SHAPE, strict=True)),
        **published(),
        "colors": COLORS,
        "titles": {key: network.title for key, network in OFFERED.items()},
        "signed": _base64(signed_colors()),
        **digits(mistakes),
    }
    write_script(folder / "digits.js", f"Object.assign(lenet, {_json(shared)});")
    write_kernels(folder)


def write_kernels(folder: Path) -> None:
    """Write the compiled kernels into ``folder``."""
    text = base64.b64encode(KERNELS.read_bytes()).decode("ascii")
    write_script(folder / "kernels.js", f"lenet.compiledKernels = {json.dumps(text)};")


def published() -> dict[str, Any]:
    """Return what a new network and its training take from the paper."""
    return {
        "codes": digit_codes().int().tolist(),
        "published": {"table": C3_TABLE, "rates": PUBLISHED_RATES},
    }


# --- Networks ------------------------------------------------------------------------------------


def describe(network: Network) -> dict[str, Any]:
    """Return a network as the browser's network.js takes it, its first mistakes among the rest."""
    model, notes = network.trained(), network.measured()
    wrong = evaluate(model, network.test_digits()).mistakes
    return {
        "title": network.title,
        "size": model.size,
        "shrunk": model.input.digit < 28,
        "parameters": sum(p.numel() for p in model.parameters()),
        "limit": network.penalty_limit(),
        "testErrors": int(notes["test_errors"]),
        "testSize": int(notes["test_size"]),
        "layers": [describe_layer(name, layer) for name, layer in model.named_children()],
        "mistakes": wrong[:MISTAKES].tolist(),
    }


def describe_layer(name: str, layer: nn.Module) -> dict[str, Any]:
    """Return a layer's kind, numbers and tensors, and those of the squashing function behind it.

    Its parts' rows in `lenet_utils.models.layer_kinds` give them. Raises TypeError for what
    network.js cannot do: a part that no row describes for it, two layers in one, a convolution
    with a stride.
    """
    refused = TypeError(f"network.js has no layer like {name}: {layer}")
    described: dict[str, Any] = {}
    for part in known_parts(layer):
        kind = kind_of(part)
        values = None if kind.page is None else kind.page(part)
        if values is None or any(value is None for value in values.values()):
            raise refused
        values = {key: _written(value) for key, value in values.items()}
        if kind.family is not None and not described:
            described = {"name": layer_label(name), "kind": kind.name, **values, "squash": None}
        elif values and (kind.family is not None or described.get(kind.name, "none") is not None):
            raise refused  # a second layer, or what network.js does not do behind this one
        elif values:
            described[kind.name] = values
    if not described or (described["kind"] == "convolution" and described["stride"] != 1):
        raise refused
    return described


def packed(weights: Tensor) -> tuple[float, np.ndarray]:
    """Return a tensor as whole numbers of 16 bits, and the step that each is to be taken times."""
    values = weights.detach().double().numpy()
    step = float(np.abs(values).max()) / STEPS or 1.0
    return step, np.rint(values / step).astype("<i2")


def unpacked(step: float, integers: np.ndarray) -> Tensor:
    """Return what network.js makes of a packed tensor: 32 bits again."""
    return torch.from_numpy((step * integers).astype(np.float32))


def _written(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    step, integers = packed(value)
    return {"step": step, "integers": _base64(integers)}


# --- Digits and colours --------------------------------------------------------------------------


def digits(wanted: list[int]) -> dict[str, Any]:
    """Return the first test digits of each class, and the ``wanted`` ones, by their position."""
    test = load_mnist(size=28, scaling="unit").test
    pixels = test.images.mul(255).round().byte()
    by_class = [(test.labels == c).nonzero()[:EXAMPLES, 0].tolist() for c in range(10)]
    kept = sorted({*wanted, *(index for one_class in by_class for index in one_class)})
    return {
        "digits": {
            index: {"label": int(test.labels[index]), "pixels": _base64(pixels[index])}
            for index in kept
        },
        "examples": by_class,
    }


def signed_colors() -> np.ndarray:
    """Return ``(256, 3)`` bytes: the figures' colours, from far below 0 to far above."""
    return colormaps[SIGNED](np.arange(256), bytes=True)[:, :3]


def _base64(values: Tensor | np.ndarray) -> str:
    array = values.detach().contiguous().numpy() if isinstance(values, Tensor) else values
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def write_script(path: Path, code: str) -> None:
    """Write a script; it is complete or not there."""
    with atomic_path(path) as temporary:
        temporary.write_text(f"{code}\n", encoding="utf-8")
