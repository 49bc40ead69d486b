"""SDLM: its curvature against other ways to the same numbers, its step against eq. 21."""

import pytest
import torch
import torch.nn.functional as F
from refusing import IMAGES, LABELS, refusals
from torch import nn
from toy import make_model

from lenet_utils import Digits, DiscriminativeLoss, LeNet1, LeNet4, LeNet5, LeNet1989
from lenet_utils.models import (
    Negation,
    RBFOutput,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    UnitBias,
    mean_penalty,
    squared_error,
)
from lenet_utils.training import SDLM, diagonal_curvature


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def some_digits(model, count=4):
    return torch.randn(count, 1, model.size, model.size).double(), torch.arange(count)


def test_dropout_takes_no_part():
    """The curvature is that of the network as in evaluation, and draws no numbers."""
    digits = torch.randn(4, 1, 32, 32), torch.arange(4)
    model, other = LeNet5(dropout=0.5), LeNet5()
    other.load_state_dict(dict(zip(other.state_dict(), model.state_dict().values(), strict=True)))
    before = torch.get_rng_state()
    found = diagonal_curvature(model, *digits, squared_error).values()
    assert torch.equal(torch.get_rng_state(), before)
    expected = diagonal_curvature(other, *digits, squared_error).values()
    assert all(torch.equal(h, same) for h, same in zip(found, expected, strict=True))
    assert model.training


# --- Against the exact Gauss-Newton diagonal ------------------------------------------------------


@pytest.mark.parametrize("criterion", [squared_error, F.cross_entropy])
def test_without_shared_weights_it_is_the_exact_gauss_newton_diagonal(criterion):
    """One hidden layer, a diagonal criterion: nothing is dropped, so both must agree."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), ScaledTanh(), nn.Linear(5, 10)).double()
    images, labels = torch.randn(7, 1, 2, 3).double(), torch.arange(7)
    ours = diagonal_curvature(model, images, labels, criterion)
    names, parameters = zip(*model.named_parameters(), strict=True)
    exact = {name: torch.zeros_like(p) for name, p in zip(names, parameters, strict=True)}
    for image, label in zip(images.split(1), labels.split(1), strict=True):
        scores = model(image)[0]
        h = torch.func.hessian(lambda s, label=label: criterion(s[None], label))(scores.detach())
        for i, score in enumerate(scores):  # the sum over outputs of h_ii (d score_i / d w)^2
            slopes = torch.autograd.grad(score, parameters, retain_graph=True)
            for name, slope in zip(names, slopes, strict=True):
                exact[name] += h[i, i] * slope.square() / len(images)
    for name in names:
        torch.testing.assert_close(ours[name], exact[name], rtol=1e-6, atol=1e-12)


def test_behind_rbf_units_it_is_the_exact_second_derivative_of_eq_8():
    """Linear up to the RBF units: the Gauss-Newton diagonal is the true one."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 84), RBFOutput(), Negation()).double()
    images, labels = torch.randn(5, 1, 2, 3).double(), torch.arange(5)
    ours = diagonal_curvature(model, images, labels, mean_penalty)

    def loss(weight):
        parameters = {"1.weight": weight}
        return mean_penalty(torch.func.functional_call(model, parameters, (images,)), labels)

    weight = model[1].weight.detach()
    exact = torch.func.hessian(loss)(weight).reshape(weight.numel(), -1).diagonal()
    torch.testing.assert_close(ours["1.weight"].flatten(), exact, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("criterion", [DiscriminativeLoss(), mean_penalty, F.cross_entropy])
@pytest.mark.parametrize("trainable", [False, True])
def test_the_exact_start_is_the_second_derivative_of_the_criterion(criterion, trainable):
    """Against the whole Hessian by F6, and by the codes, of each image alone."""
    rbf = RBFOutput(torch.randn(10, 6), trainable=trainable)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 6, bias=False), rbf, Negation()).double()
    model[1].weight.data.copy_(torch.eye(6))  # so that F6 is the image
    images, labels = torch.randn(5, 1, 2, 3).double(), torch.arange(5)
    ours = diagonal_curvature(model, images, labels, criterion, exact_start=True)
    by_input, by_codes = torch.zeros(6).double(), torch.zeros(10, 6).double()
    weight = torch.zeros(6, 6).double()
    for x, label in zip(images.reshape(5, 6), labels.split(1), strict=True):

        def loss(x, codes, label=label):
            return criterion(-(x - codes).square().sum(1)[None], label)

        second = torch.func.hessian(loss, argnums=(0, 1))(x, rbf.codes.detach())
        by_input = second[0][0].diagonal()
        by_codes += second[1][1].reshape(60, 60).diagonal().reshape(10, 6) / 5
        weight += by_input[:, None] * x.square() / 5
    torch.testing.assert_close(ours["1.weight"], weight, rtol=1e-8, atol=1e-10)
    if trainable:
        torch.testing.assert_close(ours["2.codes"], by_codes, rtol=1e-8, atol=1e-10)


def test_for_a_trained_network_the_exact_start_is_well_below_2(mnist):
    """By eq. 9; the published runs take 2, as Lush does, whatever the criterion."""
    model = LeNet5.from_pretrained()
    some = mnist.train[:200]
    usual, exact = (
        diagonal_curvature(
            model, some.images, some.labels, model.criterion, exact_start=start
        )["f6.1.bias"]
        for start in (False, True)
    )  # fmt: skip
    assert 0.1 < (exact.mean() / usual.mean()).item() < 0.6
    optimizer = SDLM(model.parameters())
    optimizer.estimate_curvature(model, some, model.criterion, exact_start=True)
    assert all(values["curvature"].min() >= 0 for values in optimizer.state.values())


# --- Only what is a chain of layers ---------------------------------------------------------------


class Own(nn.Module):
    """Somebody's own module, which runs its layers as ``run`` says."""

    def __init__(self, run):
        super().__init__()
        self.flat, self.squash, self.run = nn.Flatten(), ScaledTanh(), run
        self.first, self.second, self.last = nn.Linear(16, 8), nn.Linear(8, 8), nn.Linear(8, 10)

    def forward(self, images):
        return self.run(self, images)


def test_a_layer_used_twice_counts_twice():
    """As two layers that share their weights; nn.ReLU() is the usual one."""

    def run(own, x):
        x = own.squash(own.first(own.flat(x)))
        return own.last(own.squash(own.second(own.squash(own.second(x)))))

    model = Own(run).double()
    twin = nn.Linear(8, 8)
    twin.weight, twin.bias = model.second.weight, model.second.bias
    chain = nn.Sequential(
        *(model.flat, model.first, ScaledTanh(), model.second, ScaledTanh()),
        *(twin, ScaledTanh(), model.last),
    )
    digits = torch.randn(4, 1, 4, 4).double(), torch.arange(4)
    found = diagonal_curvature(model, *digits, squared_error)
    expected = diagonal_curvature(chain, *digits, squared_error)
    for name, other in {"first": "1", "second": "3", "last": "7"}.items():
        for kind in ("weight", "bias"):
            torch.testing.assert_close(found[f"{name}.{kind}"], expected[f"{other}.{kind}"])


def test_layers_that_work_in_place_have_the_curvature_of_those_that_do_not():
    digits = torch.randn(4, 1, 4, 4).double(), torch.arange(4)
    models = [
        nn.Sequential(
            nn.Flatten(), nn.Linear(16, 8), nn.ELU(inplace=inplace), nn.Linear(8, 10)
        ).double()
        for inplace in (False, True)
    ]
    models[1].load_state_dict(models[0].state_dict())
    expected, found = (diagonal_curvature(model, *digits, squared_error) for model in models)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("run", "where"),
    [
        (lambda own, x: own.last(F.relu(own.first(own.flat(x)))), "Linear and Linear"),
        (lambda own, x: own.last(own.squash(own.first(x.flatten(1)))), "the images and Linear"),
        (lambda own, x: own.last(own.first(own.flat(x))).tanh(), "Linear and the scores"),
        (
            lambda own, x: own.last((y := own.first(own.flat(x))) + own.second(y)),
            "Linear and Linear",
        ),
        (
            lambda own, x: (own.second(y := own.first(own.flat(x))), own.last(y))[1],
            "Linear and Linear",
        ),
    ],
)
def test_what_is_no_chain_of_layers_is_refused(run, where):
    digits = torch.randn(4, 1, 4, 4), torch.arange(4)
    with pytest.raises(ValueError, match=f"between {where} there is what is no layer.*nn.ReLU"):
        diagonal_curvature(Own(run), *digits, squared_error)


# --- Against a loop over all connections ----------------------------------------------------------


def test_a_weight_that_two_layers_share_has_the_sum_of_both():
    first, second, third = nn.Linear(16, 10), nn.Linear(10, 10), nn.Linear(10, 10)
    model = nn.Sequential(nn.Flatten(), first, ScaledTanh(), second, ScaledTanh(), third).double()
    third.weight.data.copy_(second.weight)
    digits = torch.randn(4, 1, 4, 4).double(), torch.arange(4)
    apart = diagonal_curvature(model, *digits, squared_error)
    third.weight = second.weight
    shared = diagonal_curvature(model, *digits, squared_error)
    torch.testing.assert_close(shared["3.weight"], apart["3.weight"] + apart["5.weight"])


def test_shared_weights_sum_over_their_connections():
    """Appendix C written out: every connection of a small sparse convolution, one by one."""
    table = ((0,), (0, 1), (1,))
    conv, last = SparseConv2d(table, 2, kernel_size=2, stride=2), nn.Linear(3 * 2 * 2, 10)
    front = nn.Conv2d(1, 2, 1)
    model = nn.Sequential(front, conv, ScaledTanh(), nn.Flatten(), last).double()
    images, labels = torch.randn(3, 1, 4, 4).double(), torch.tensor([1, 2, 3])
    ours = diagonal_curvature(model, images, labels, squared_error)

    weight, bias = torch.zeros_like(conv.weight), torch.zeros_like(conv.bias)
    below = torch.zeros_like(front.weight)
    for image in images:
        x = front(image[None]).detach()[0]
        a = conv(x[None]).detach()[0]
        slope = 1.7159 * 2 / 3 / torch.cosh(2 / 3 * a) ** 2
        # squared_error's second derivative by each output is 1
        h = slope.square() * last.weight.detach().square().sum(0).reshape(3, 2, 2)
        kernel = 0
        for out_map, row in enumerate(table):
            for i in range(2):
                for j in range(2):
                    bias[out_map] += h[out_map, i, j]
            for in_map in row:
                for i in range(2):
                    for j in range(2):
                        for m in range(2):
                            for n in range(2):
                                y, z = 2 * i + m, 2 * j + n
                                u = conv.weight[kernel, m, n].item()
                                weight[kernel, m, n] += h[out_map, i, j] * x[in_map, y, z] ** 2
                                # the pixel's curvature, one connection's part; then front's weight
                                part = h[out_map, i, j] * u**2
                                below[in_map, 0, 0, 0] += part * image[0, y, z] ** 2
                kernel += 1
    torch.testing.assert_close(ours["1.weight"], weight / 3, rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(ours["1.bias"], bias / 3, rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(ours["0.weight"], below / 3, rtol=1e-6, atol=1e-12)


def test_subsampling_squares_the_sum_of_its_window():
    """As in the authors' Lush code: the coefficient weights one number, the sum."""
    layer, last = Subsampling(2), nn.Linear(2 * 2 * 2, 10)
    front = nn.Conv2d(1, 2, 1)
    model = nn.Sequential(front, layer, nn.Flatten(), last).double()
    images, labels = torch.randn(3, 1, 4, 4).double(), torch.tensor([0, 5, 9])
    ours = diagonal_curvature(model, images, labels, squared_error)
    h = last.weight.detach().square().sum(0).reshape(2, 2, 2)  # by each subsampled unit
    coefficient, below = torch.zeros(2).double(), torch.zeros(2).double()
    for image in images:
        x = front(image[None]).detach()[0]
        for maps in range(2):
            for i in range(2):
                for j in range(2):
                    window = (slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
                    coefficient[maps] += h[maps, i, j] * x[maps][window].sum() ** 2
                    c = layer.coefficient[maps].item()
                    below[maps] += (h[maps, i, j] * c**2 * image[0][window].square()).sum()
    torch.testing.assert_close(ours["1.coefficient"].flatten(), coefficient / 3)
    torch.testing.assert_close(ours["1.bias"].flatten(), h.sum((1, 2)))
    torch.testing.assert_close(ours["0.weight"].flatten(), below / 3)


def test_average_pooling_of_any_geometry_and_padding():
    """A pooling is a weighting: its curvature must be that of the linear layer it is."""
    for pool in (
        nn.AvgPool2d(2),
        nn.AvgPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        nn.AvgPool2d(3, stride=2, ceil_mode=True),
        nn.AvgPool2d((2, 1), divisor_override=3),
        nn.ConstantPad2d(1, -1.0),
    ):
        front, last = nn.Linear(4, 4), nn.LazyLinear(10)
        model = nn.Sequential(front, pool, nn.Flatten(), last).double()
        image = torch.randn(1, 1, 4, 4).double()
        model(image)
        ours = diagonal_curvature(model, image, torch.tensor([3]), squared_error)
        x = front(image).detach()
        matrix = torch.func.jacrev(lambda x, pool=pool: pool(x).flatten())(x).flatten(1)
        h = matrix.square().T @ last.weight.detach().square().sum(0)
        exact = torch.einsum("rj,rk->jk", h.reshape(4, 4), image[0, 0].square())
        torch.testing.assert_close(ours["0.weight"], exact)


# --- On the networks ------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [LeNet1989, LeNet1, LeNet4, LeNet5])
def test_every_parameter_of_every_network_has_a_curvature_above_zero(network):
    model = network()
    images, labels = some_digits(model)
    curvature = diagonal_curvature(model, images.float(), labels, model.criterion)
    assert set(curvature) == {name for name, _ in model.named_parameters()}
    for name, p in model.named_parameters():
        assert curvature[name].shape == p.shape
        assert (curvature[name] > 0).all(), name
        assert torch.isfinite(curvature[name]).all(), name


def test_loose_codes_have_the_curvature_of_eq_8():
    model = nn.Sequential(nn.Flatten(), RBFOutput(trainable=True), Negation())
    images, labels = torch.randn(5, 1, 12, 7), torch.tensor([0, 0, 3, 4, 4])
    ours = diagonal_curvature(model, images, labels, mean_penalty)["1.codes"]
    codes = model[1].codes.detach()

    def loss(codes):
        parameters = {"1.codes": codes}
        return mean_penalty(torch.func.functional_call(model, parameters, (images,)), labels)

    exact = torch.func.hessian(loss)(codes).reshape(840, 840).diagonal().reshape(10, 84)
    torch.testing.assert_close(ours, exact)


def test_it_is_averaged_over_images_not_taken_of_the_average_gradient():
    model = LeNet1().double()
    images, labels = some_digits(model, 6)
    each = [
        diagonal_curvature(model, images[i : i + 1], labels[i : i + 1], squared_error)
        for i in range(6)
    ]
    together = diagonal_curvature(model, images, labels, squared_error)
    for name, curvature in together.items():
        torch.testing.assert_close(curvature, sum(one[name] for one in each) / 6)


def test_a_layer_without_a_rule_is_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 10), nn.Softmax(1))
    with pytest.raises(TypeError, match="no rule is known for the curvature of Softmax"):
        diagonal_curvature(model, torch.randn(2, 1, 2, 2), torch.tensor([0, 1]), squared_error)


def test_unit_biases_have_the_curvature_of_their_unit():
    model = nn.Sequential(UnitBias(1, 2, 2), nn.Flatten(), nn.Linear(4, 10)).double()
    images = torch.randn(3, 1, 2, 2).double()
    ours = diagonal_curvature(model, images, torch.tensor([0, 1, 2]), squared_error)
    exact = model[2].weight.detach().square().sum(0).reshape(1, 2, 2)
    torch.testing.assert_close(ours["0.bias"], exact)


@pytest.mark.parametrize("kernel", [3, (3, 1), (1, 2)])
def test_an_average_weights_each_input_by_its_share(kernel):
    """A unit moves its pool's output by 1 / area, and that every score by a weight."""
    pool = nn.AvgPool2d(kernel)
    pooled = pool(torch.zeros(1, 1, 6, 6))
    model = nn.Sequential(UnitBias(1, 6, 6), pool, nn.Flatten(), nn.Linear(pooled.numel(), 10))
    model = model.double()
    images = torch.randn(3, 1, 6, 6).double()
    ours = diagonal_curvature(model, images, torch.tensor([0, 1, 2]), squared_error)
    own = model[3].weight.detach().square().sum(0).reshape(pooled.shape[1:])
    area = 36 // pooled.numel()
    each = F.interpolate(own[None], size=(6, 6), mode="nearest")[0] / area**2
    torch.testing.assert_close(ours["0.bias"], each)


# --- The step and the schedule --------------------------------------------------------------------


def test_a_step_is_eq_21():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 10)).double()
    images, labels = torch.randn(5, 1, 2, 2).double(), torch.arange(5)
    optimizer = SDLM(model.parameters(), lr=0.1, mu=0.02)
    optimizer.estimate_curvature(model, Digits(images, labels), squared_error)
    h = diagonal_curvature(model, images, labels, squared_error)["1.weight"]
    before = model[1].weight.detach().clone()
    squared_error(model(images[:1]), labels[:1]).backward()
    optimizer.step()
    expected = before - 0.1 / (0.02 + h) * model[1].weight.grad
    torch.testing.assert_close(model[1].weight.detach(), expected)


def test_the_default_rates_are_the_papers():
    """Preprint p. 10: eta starts at 0.0005, and mu is 0.02."""
    (group,) = SDLM(nn.Linear(2, 2).parameters()).param_groups
    assert (group["lr"], group["mu"]) == (0.0005, 0.02)


def test_it_wants_a_curvature_before_the_first_step():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 10))
    optimizer = SDLM(model.parameters())
    squared_error(model(torch.randn(1, 1, 2, 2)), torch.tensor([0])).backward()
    with pytest.raises(RuntimeError, match=r"^call estimate_curvature\(\) before the first step$"):
        optimizer.step()


def test_a_step_takes_a_closure_and_leaves_parameters_without_a_gradient_alone():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 10))
    digits = Digits(torch.randn(5, 1, 2, 2), torch.arange(5))
    optimizer = SDLM(model.parameters())
    optimizer.estimate_curvature(model, digits, squared_error)
    model[1].requires_grad_(False)
    kept, moved = (model[i].weight.detach().clone() for i in (1, 2))

    def closure():
        loss = squared_error(model(digits.images), digits.labels)
        loss.backward()
        return loss

    before = squared_error(model(digits.images), digits.labels)
    assert optimizer.step(closure).item() == before.item()
    assert torch.equal(model[1].weight, kept)
    assert not torch.equal(model[2].weight, moved)
    assert optimizer.step() is None


def test_the_parameters_of_another_model_are_refused():
    optimizer = SDLM(nn.Linear(4, 10).parameters())
    model, digits = nn.Sequential(nn.Flatten(), nn.Linear(4, 10)), torch.randn(2, 1, 2, 2)
    with pytest.raises(
        ValueError, match=r"^the optimizer holds a parameter that the model does not have$"
    ):
        optimizer.estimate_curvature(model, Digits(digits, torch.tensor([0, 1])), squared_error)


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"lr": -1.0}, {"mu": 0.0}, {"mu": float("nan")}])
def test_rates_must_be_positive(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be positive"):
        SDLM(nn.Linear(2, 2).parameters(), **wrong)


test_what_cannot_be_right_is_refused = refusals(
    {
        "curvature digits": (
            lambda: SDLM(make_model().parameters()).estimate_curvature(
                make_model(), 3, F.cross_entropy
            ),
            r"digits must be of type Digits, got int; such as load_mnist\(\).train\[:500\]$",
        ),
        "curvature model": (
            lambda: diagonal_curvature(F.relu, IMAGES, LABELS, F.cross_entropy),
            r"model must be of type Module, got function; such as LeNet5\(\)$",
        ),
        "curvature images": (
            lambda: diagonal_curvature(make_model(), IMAGES.byte(), LABELS, F.cross_entropy),
            "images must be a float tensor, got torch.uint8",
        ),
        "curvature labels": (
            lambda: diagonal_curvature(make_model(), IMAGES, LABELS - 1, F.cross_entropy),
            "labels must be at least 0, got -1 to 8",
        ),
        "curvature classes": (
            lambda: diagonal_curvature(LeNet1(), IMAGES, LABELS + 1, F.cross_entropy),
            r"\(N, 11\) scores or more, for there are labels up to 10, got \(3, 10\)",
        ),
        "curvature criterion": (
            lambda: diagonal_curvature(make_model(), IMAGES, LABELS, "squared"),
            "^criterion must be something to call or None, got .squared.; such as torch.nn",
        ),
    }
)
