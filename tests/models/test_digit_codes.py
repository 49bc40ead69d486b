"""The RBF output, its codes, and LeNet-5 as a whole against NumPy and the paper's formulas."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from inventing import SEEDS, random_input
from refusing import LABELS, SCORES, refusals, spoiled

from lenet_utils import C3_TABLE, LeNet5, RBFOutput, digit_codes, load_mnist
from lenet_utils.models import CODE_SHAPE, Negation


def test_penalties_are_squared_euclidean_distances():
    torch.manual_seed(0)
    x = torch.randn(20, 84, dtype=torch.float64)
    layer = RBFOutput().double()
    torch.testing.assert_close(layer(x), torch.cdist(x, layer.codes).square())


def test_a_code_is_at_distance_zero_from_itself_and_answers_its_class():
    codes = digit_codes()
    penalties = RBFOutput()(codes)
    assert penalties.diagonal().eq(0).all()
    assert penalties.argmin(dim=1).tolist() == list(range(10))
    assert Negation()(penalties).argmax(dim=1).tolist() == list(range(10))


def test_distances_between_codes():
    """Closest 6 and 8, 12 pixels; farthest 1-4, 1-8 and 4-7, 50; a squared distance is 4 each."""
    hamming = RBFOutput()(digit_codes()) / 4
    pairs = {(i, j): hamming[i, j].item() for i in range(10) for j in range(i)}
    assert min(pairs, key=pairs.get) == (8, 6)
    assert min(pairs.values()) == 12
    assert {pair for pair, pixels in pairs.items() if pixels == max(pairs.values())} == {
        *((4, 1), (8, 1), (7, 4))
    }
    assert max(pairs.values()) == 50


def test_codes_are_signs_in_the_shape_of_a_character():
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert codes.abs().eq(1).all()
    seven = codes[7].reshape(CODE_SHAPE)
    assert seven[0].eq(1).all()  # the bar of the seven is black
    assert seven[-2:].eq(-1).all()  # and nothing hangs below the line


def test_codes_are_a_buffer_unless_let_loose():
    fixed, loose = RBFOutput(), RBFOutput(trainable=True)
    assert not list(fixed.parameters())
    assert "codes" in dict(fixed.named_buffers())
    assert [p.numel() for p in loose.parameters()] == [840]


def test_own_codes_are_copied():
    codes = torch.eye(3)
    layer = RBFOutput(codes)
    codes.zero_()
    assert layer(torch.eye(3)).diagonal().eq(0).all()


# --- LeNet-5, written from the paper's formulas alone ---------------------------------------------


def squash(a):
    return 1.7159 * np.tanh(2 / 3 * a)  # eq. 6


def convolve(maps, kernels, bias, reads):
    """Each output map: its bias and, for each map it reads, a 5x5 kernel at every place."""
    size = maps.shape[-1] - 4
    out = np.zeros((len(bias), size, size))
    for number, sources in enumerate(reads):
        out[number] += bias[number]
        for kernel, source in zip(kernels[number], sources, strict=True):
            for i in range(5):
                for j in range(5):
                    out[number] += kernel[i, j] * maps[source, i : i + size, j : j + size]
    return out


def subsample(maps, coefficient, bias):
    """Four inputs added, times the coefficient, plus the bias (preprint p. 7)."""
    total = maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]
    return coefficient * total + bias


def penalties_by_the_paper(image, w):
    x = image[None].astype(np.float64)
    c1_kernels = [[kernel] for kernel in w["c1.0.weight"][:, 0]]
    x = squash(convolve(x, c1_kernels, w["c1.0.bias"], [[0]] * 6))
    x = squash(subsample(x, w["s2.0.coefficient"], w["s2.0.bias"]))
    kernels = iter(w["c3.0.weight"])
    c3_kernels = [[next(kernels) for _ in row] for row in C3_TABLE]
    x = squash(convolve(x, c3_kernels, w["c3.0.bias"], C3_TABLE))
    x = squash(subsample(x, w["s4.0.coefficient"], w["s4.0.bias"]))
    # At this size C5 amounts to a full connection (preprint p. 8).
    x = squash(w["c5.0.weight"].reshape(120, -1) @ x.reshape(-1) + w["c5.0.bias"])
    x = squash(w["f6.1.weight"] @ x + w["f6.1.bias"])
    return ((x - w["output.0.codes"]) ** 2).sum(axis=1)  # eq. 7


def test_lenet_5_gives_the_penalties_of_the_papers_formulas():
    torch.manual_seed(0)
    model = LeNet5(initialize=None)  # PyTorch's larger weights, so that no layer is nearly silent
    for layer in (model.s2[0], model.s4[0]):
        torch.nn.init.normal_(layer.bias)
        torch.nn.init.uniform_(layer.coefficient, 0.2, 0.8)
    digits = load_mnist(size=32).test[:100]
    with torch.no_grad():
        ours = -model.double()(digits.images.double()).numpy()
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    for image, penalties in zip(digits.images[:, 0].numpy(), ours, strict=True):
        np.testing.assert_allclose(
            penalties, penalties_by_the_paper(image, weights), rtol=1e-5, atol=1e-5
        )


# --- what cannot be right ------------------------------------------------------------------------

test_what_cannot_be_right_is_refused = refusals(
    {
        "codes kind": (
            lambda: RBFOutput([[1.0]]),
            r"codes must be .* got list; digit_codes\(\) gives",
        ),
        "codes shape": (lambda: RBFOutput(torch.zeros(3)), r"\(classes, inputs\), got \(3,\)"),
        "codes none": (
            lambda: RBFOutput(torch.zeros(0, 84)),
            r"\(classes, inputs\), got \(0, 84\)",
        ),
        "codes dtype": (lambda: RBFOutput(LABELS[:, None]), "must be floats .* torch.int64"),
        "codes NaN": (
            lambda: RBFOutput(spoiled(SCORES, math.nan)),
            "codes must be finite, got NaN",
        ),
        "rbf input": (lambda: RBFOutput()(SCORES), r"expected \(N, 84\), got \(3, 10\)"),
    }
)


@given(SEEDS, st.integers(1, 5), st.integers(1, 6), st.integers(1, 7))
def test_rbf_units_measure_squared_distances(seed, count, classes, inputs):
    x, codes = random_input(seed, count, inputs), random_input(seed + 1, classes, inputs)
    expected = torch.cdist(x.double(), codes.double()).square()
    assert torch.allclose(RBFOutput(codes)(x).double(), expected, atol=1e-4)
