"""Weights that the page writes and reads: byte for byte, or refused in the same sentences."""

import base64
import hashlib
import json
import random

import pytest
import safetensors.torch
import torch
from damaging import repeated, stuffed, truncated
from PIL import Image
from small_page import floats_of, in_base64, open_small_page, write_small_page
from torch import nn
from torch.nn.utils import prune

from lenet_utils import C3_TABLE, LeNet1, LeNet5, load_weights, predict, save_weights
from lenet_utils.models.base import WEIGHTS
from lenet_utils.models.weights import CHECKSUM, TABLES, write_tensors
from lenet_utils.training import load_trained

NAME = "my weights.safetensors"
NOTES = {"seed": "0", "recipe": "an image at a time", "made by": "the “page”, \n\\ 7\u007f€😀"}
TRAINED = {  # what `train` notes of a LeNet-5
    "model": "lenet5",
    "data": "mnist",
    "scaling": "1998",
    "background": "-0.1",
    "ink": "1.175",
    "classes": json.dumps([str(digit) for digit in range(10)]),
}
PAIRS = [sorted({i % 6, (i + 2) % 6}) for i in range(16)]


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    page = open_small_page(browser, write_small_page(tmp_path_factory.mktemp("weights")))
    yield page
    page.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


WRITE = """([choices, weights, notes]) => {
    const network = lenet.newNetwork(choices);
    lenet.setWeights(network, floats(weights));
    return packed(lenet.writeWeights(network, notes));
}"""
READ = """([text, name]) => {
    let network;
    try {
        network = lenet.readWeights(lenet.bytes(text), name);
    } catch (error) {
        return error.message;
    }
    const tensors = lenet.tensorsOf(network).map(({ name, values }) => [name, packed(values)]);
    return {
        tensors: Object.fromEntries(tensors),
        table: network.layers[2].table,
        squash: network.layers.map(({ squash }) => squash?.name),
    };
}"""


def row_of(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach().numpy()


def written_by(page, model, choices=None):
    text = page.evaluate(WRITE, [choices or {}, in_base64(row_of(model)), NOTES])
    return base64.b64decode(text)


def read_by(page, content):
    """Return what the page read, or what it says against it."""
    return page.evaluate(READ, [base64.b64encode(content).decode(), NAME])


def test_the_page_writes_the_bytes_that_python_writes(page, path):
    model = LeNet5()
    save_weights(model, path, {**TRAINED, **NOTES})
    assert written_by(page, model) == path.read_bytes()


@pytest.mark.parametrize(
    ("parts", "choices"),
    [
        ({"activation": nn.ReLU()}, {"squash": "relu"}),
        ({"connections": PAIRS}, {"table": PAIRS}),
        ({"connections": None}, {"table": [[0, 1, 2, 3, 4, 5]] * 16}),
    ],
)
def test_a_network_of_other_parts_goes_to_such_a_model_alone(page, path, parts, choices):
    model = LeNet5(**parts)
    content = written_by(page, model, choices)
    path.write_bytes(content)
    other = LeNet5(**parts)
    load_weights(other, path)
    assert (row_of(other) == row_of(model)).all()
    with pytest.raises(ValueError, match="does not say which network it holds"):
        load_trained(path)
    read = read_by(page, content)
    assert read["squash"][:6] == [choices.get("squash", "tanh")] * 6
    assert read["table"] == [list(row) for row in choices.get("table", read["table"])]


def test_predict_takes_what_the_page_wrote(page, path):
    trained = LeNet5.from_pretrained()
    path.write_bytes(written_by(page, trained))
    picture = Image.new("L", (200, 300), "white")
    picture.paste("black", (90, 50, 110, 250))
    assert predict(picture, path) == predict(picture, "lenet5")


def test_the_page_reads_what_python_wrote(page, path):
    model = LeNet5()
    for notes in ({}, TRAINED):
        save_weights(model, path, notes)
        read = read_by(page, path.read_bytes())
        for name, tensor in model.state_dict().items():
            assert (floats_of(read["tensors"][name]) == tensor.flatten().numpy()).all(), name
    popular = {name.replace("0", "conv"): tensor for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(popular, path)  # other names, and shapes that tell
    read = read_by(page, path.read_bytes())
    assert (floats_of(read["tensors"]["f6.1.bias"]) == model.f6[1].bias.detach().numpy()).all()
    content = (WEIGHTS / "lenet5-dist.safetensors").read_bytes()
    assert set(read_by(page, content)["tensors"]) == set(model.state_dict())


def said_by_python(path):
    with pytest.raises(ValueError, match=path.name) as refusal:
        load_weights(LeNet5(), path)
    return str(refusal.value).replace(str(path), NAME)


def test_the_sha256_is_right(page):
    draw = random.Random(0)
    for size in (0, 1, 55, 56, 63, 64, 65, 1000):
        content = draw.randbytes(size)
        text = base64.b64encode(content).decode()
        found = page.evaluate("(text) => lenet.sha256(lenet.bytes(text))", text)
        assert found == hashlib.sha256(content).hexdigest()


def _pruned():
    model = LeNet5()
    prune.l1_unstructured(model.f6[1], "weight", amount=0.5)
    return model


def _with_nan():
    model = LeNet5()
    with torch.no_grad():
        model.c5[0].bias[7] = float("nan")
    return model


class TestRefusals:
    """What `load_weights` refuses is refused here, in its words."""

    @pytest.mark.parametrize(
        "make",
        [
            LeNet1,
            lambda: LeNet5(output=nn.Linear(84, 10)),
            lambda: LeNet5(channels=3),
            lambda: LeNet5().half(),
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)),
            _pruned,
            _with_nan,
        ],
    )
    def test_another_network(self, page, path, make):
        save_weights(make(), path)
        assert read_by(page, path.read_bytes()) == said_by_python(path)

    def test_a_pickle(self, page, path):
        torch.save(LeNet5().state_dict(), path)
        assert read_by(page, path.read_bytes()) == said_by_python(path)

    @pytest.mark.parametrize(
        "content", [b"", b"1234567", bytes(8), b"\xff" * 8, b"\x10" + bytes(7)]
    )
    def test_no_file_at_all(self, page, path, content):
        path.write_bytes(content)
        ours, theirs = read_by(page, content), said_by_python(path)
        start = f"{NAME} is not a safetensors file, or is damaged: "
        assert ours.startswith(start)
        assert theirs.startswith(start)

    def test_a_changed_number_or_note(self, page, path):
        save_weights(LeNet5(), path, NOTES)
        content = path.read_bytes()
        for old, new in ((content[-1:], bytes([content[-1] ^ 1])), (b"an image", b"no image")):
            place = content.rindex(old)
            path.write_bytes(content[:place] + new + content[place + len(old) :])
            assert read_by(page, path.read_bytes()) == said_by_python(path)

    @pytest.mark.parametrize("damage", [truncated, stuffed, repeated])
    def test_damaged_bytes(self, page, path, damage):
        save_weights(LeNet5(), path, TRAINED)
        draw, content = random.Random(damage.__name__), path.read_bytes()
        for _ in range(6):
            path.write_bytes(damage(draw, content))
            ours, theirs = read_by(page, path.read_bytes()), said_by_python(path)
            assert ours.split(": ")[0] == theirs.split(": ")[0]

    def test_tables_that_are_none(self, page, path):
        write_tensors(LeNet5().state_dict(), path, {TABLES: "{"})
        assert read_by(page, path.read_bytes()) == said_by_python(path)

    @pytest.mark.parametrize("row", [[0, 0, 1], [0, 1, 6], [0, 1, "2"], []])
    def test_a_table_that_no_network_has(self, page, path, row):
        tables = {"c3.0": [row, *map(list, C3_TABLE[1:])]}
        write_tensors(LeNet5().state_dict(), path, {TABLES: json.dumps(tables)})
        assert read_by(page, path.read_bytes()) == said_by_python(path)

    @pytest.mark.parametrize(
        ("note", "why"),
        [
            ({"squash": "gelu"}, "squash must be one of tanh, logistic, relu, got gelu"),
            ({"classes": "{"}, "JSON"),
        ],
    )
    def test_notes_that_cannot_be_right(self, page, path, note, why):
        save_weights(LeNet5(), path, {**TRAINED, **note})
        said = read_by(page, path.read_bytes())
        assert said.startswith(f"{NAME} has notes that cannot be right: ")
        assert why in said

    def test_what_has_learned_something_else(self, page, path):
        for notes, why in (
            ({"background": "0.0", "ink": "1.0"}, "pixels of 0 to 1, and here they are -0.1 to"),
            ({"classes": json.dumps(["Bag", "Coat"])}, 'has not learned digits, but ["Bag"'),
        ):
            save_weights(LeNet5(), path, {**TRAINED, **notes})
            assert why in read_by(page, path.read_bytes())


def test_the_checksum_is_not_asked_of_files_without_one(page, path):
    safetensors.torch.save_file(LeNet5().state_dict(), path)
    assert CHECKSUM.encode() not in path.read_bytes()
    assert isinstance(read_by(page, path.read_bytes()), dict)
