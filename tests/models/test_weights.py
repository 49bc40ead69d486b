"""Weights come back bit for bit, or not at all."""

import json
import os
import re

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from refusing import in_full, refusals
from torch import nn
from torch.nn.utils import prune

from lenet_utils import C3_TABLE, LeNet1, LeNet5, SparseConv2d, load_weights, save_weights
from lenet_utils.models import read_metadata
from lenet_utils.models.base import WEIGHTS
from lenet_utils.models.weights import CHECKSUM, TABLES, unpack, write_tensors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def bits(model):
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    "make",
    [
        LeNet1,
        LeNet5,
        lambda: LeNet5(connections=None, normalization=nn.BatchNorm2d, activation=nn.PReLU()),
    ],
)
def test_weights_come_back_bit_for_bit(path, make):
    model, other = make(), make()
    with torch.no_grad():  # what arithmetic would not keep
        model[0][0].bias[:3] = torch.tensor([3e38, -0.0, 1e-42])
    assert bits(model) != bits(other)
    save_weights(model, path)
    load_weights(other, path)
    assert bits(model) == bits(other)


OTHER_TABLE = tuple(tuple(5 - i for i in row) for row in C3_TABLE)  # rows as long as Table I's


def test_weights_go_into_the_connection_table_they_learned_with_only(path):
    """They fitted any table with rows as long, and gave 5,429 errors without a word."""
    save_weights(LeNet5(), path)
    other = LeNet5(connections=OTHER_TABLE)
    before = bits(other)
    with pytest.raises(ValueError, match=r"another connection table than that of c3\.0:"):
        load_weights(other, path)
    assert bits(other) == before
    model = LeNet5(connections=OTHER_TABLE)
    save_weights(model, path)
    load_weights(other, path)
    assert bits(other) == bits(model)


def test_one_sparse_layer_alone_keeps_its_table_too(path):
    save_weights(SparseConv2d(((0,), (1,)), 2), path)
    load_weights(SparseConv2d(((0,), (1,)), 2), path)
    with pytest.raises(ValueError, match="another connection table"):
        load_weights(SparseConv2d(((1,), (0,)), 2), path)


def test_files_from_before_tables_were_kept_still_load(path):
    model, other = LeNet5(), LeNet5()
    safetensors.torch.save_file(model.state_dict(), path)
    load_weights(other, path)
    assert bits(other) == bits(model)
    with safetensors.safe_open(WEIGHTS / "lenet5.safetensors", framework="pt") as file:
        assert "connection_tables" not in file.metadata()
    assert LeNet5.from_pretrained()


def test_the_file_holds_the_published_60000_parameters_and_the_output(path):
    save_weights(LeNet5(), path)
    assert path.stat().st_size == pytest.approx(4 * 60_850, rel=0.02)


def test_notes_are_kept_with_the_weights(path):
    save_weights(LeNet1(), path, {"seed": "3", "recipe": "für Elise"})
    assert read_metadata(path) == {"seed": "3", "recipe": "für Elise"}
    save_weights(LeNet1(), path)
    assert read_metadata(path) == {}


def test_a_network_that_is_not_contiguous_is_saved_too(path):
    model, other = LeNet1().to(memory_format=torch.channels_last), LeNet1()
    save_weights(model, path)
    load_weights(other, path)
    assert torch.equal(model.h1[0].weight, other.h1[0].weight)


def test_tied_weights_are_saved_too(path):
    layer = nn.Linear(3, 3)
    model, other = nn.Sequential(layer, layer), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    save_weights(model, path)
    load_weights(other, path)
    assert bits(model) == bits(other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (LeNet1, "does not fit this LeNet1: .* build the model with the parts"),
        (lambda: LeNet5(connections=None), r"LeNet5: c3.0.weight differs \(\(60, 5, 5\) in"),
        (lambda: LeNet5(normalization=nn.BatchNorm2d), r"does not fit .* differs \(None in the"),
        (lambda: LeNet5(pooling=lambda maps: nn.MaxPool2d(2)), "s2.0.bias .* None wanted"),
    ],
)
def test_the_weights_of_another_network_are_refused_and_nothing_changes(path, make, message):
    save_weights(LeNet5(), path)
    model = make()
    before = bits(model)
    with pytest.raises(ValueError, match=message):
        load_weights(model, path)
    assert bits(model) == before


class Trap:
    """A pickle that would leave a file behind if it were ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("read", [lambda path: load_weights(LeNet1(), path), read_metadata])
@pytest.mark.parametrize("kind", ["empty", "truncated", "text", "pickle"])
def test_what_is_no_whole_safetensors_file_is_named(path, tmp_path, read, kind):
    if kind == "pickle":
        torch.save({"h1.0.weight": Trap(str(tmp_path / "sprung"))}, path)
    else:
        save_weights(LeNet1(), path)
        whole = path.read_bytes()
        content = {"empty": b"", "truncated": whole[:-1], "text": b"weights, please\n"}
        path.write_bytes(content[kind])
    with pytest.raises(ValueError, match=f"{path.name} is not a safetensors file, or is damaged"):
        read(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_of_pytorch_is_named_for_what_it_is(tmp_path, zipped, monkeypatch):
    path = tmp_path / "net.pth"
    torch.save(LeNet1().state_dict(), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        ValueError, match=r"net.pth is not .* it is a pickle, as torch.save makes"
    ) as refusal:
        load_weights(LeNet1(), path)
    advice = re.search(r"safetensors\.torch\.save_file\(.*\"\)", str(refusal.value))[0]
    monkeypatch.chdir(tmp_path)
    eval(advice, {"safetensors": safetensors, "torch": torch, "path": path})
    load_weights(model := LeNet1(), "weights.safetensors")
    assert bits(model) == {n: t.numpy().tobytes() for n, t in torch.load(path).items()}


def test_a_head_of_640_bytes_is_no_pickle(path):
    """Its length has the first two bytes of one."""
    model, notes = nn.Linear(2, 2), {"note": ""}
    while not (path.exists() and path.read_bytes()[:2] == b"\x80\x02"):
        assert len(notes["note"]) < 640
        notes["note"] += "x"
        save_weights(model, path, notes)
    load_weights(other := nn.Linear(2, 2), path)
    assert bits(other) == bits(model)


def test_weights_of_a_pruned_model_load_once_the_pruning_is_made_permanent(path):
    model, other = LeNet1(), LeNet1()
    prune.l1_unstructured(model.h3[0], "weight", amount=0.5)
    save_weights(model, path)
    with pytest.raises(
        ValueError, match=r'is pruned: torch.nn.utils.prune.remove\(layer, "weight"'
    ):
        load_weights(other, path)
    prune.remove(model.h3[0], "weight")
    save_weights(model, path)
    load_weights(other, path)
    assert bits(other) == bits(model)
    assert (other.h3[0].weight == 0).sum() == 250


# --- other names ---------------------------------------------------------------------------------


class Popular(nn.Module):
    """The 61,706 parameters as PyTorch's tutorials write them."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))))


def in_a_row():
    convolutions = [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()]
    full = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*convolutions, nn.MaxPool2d(2), nn.Flatten(), *full)


def popular(**options):
    parts = {"pooling": lambda maps: nn.MaxPool2d(2), "output": nn.Linear(84, 10)}
    return LeNet5(nn.ReLU(), None, **{**parts, **options})


@pytest.mark.parametrize("make", [Popular, in_a_row, lambda: nn.DataParallel(Popular())])
def test_weights_of_the_popular_network_load_by_their_shapes(path, make):
    other, model, images = make(), popular(), torch.randn(3, 1, 32, 32)
    assert sum(p.numel() for p in other.parameters()) == 61_706
    safetensors.torch.save_file(other.state_dict(), path)
    load_weights(model, path)
    torch.testing.assert_close(model(images), other(images))
    save_weights(model, path)
    load_weights(again := make(), path)
    torch.testing.assert_close(again(images), other(images))


@pytest.mark.parametrize(
    ("make", "other", "message"),
    [
        (
            LeNet5,
            Popular,
            r"conv2.weight \(16, 6, 5, 5\), fc3.bias \(10,\), fc3.weight \(10, 84\) should go, or "
            r"what c3.0.weight \(60, 5, 5\), output.0.codes \(10, 84\), .* should be; build",
        ),
        (  # of two alike nothing tells which is which
            lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)),
            lambda: nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)}),
            r"where a.bias \(4,\), a.weight \(4, 4\), b.bias .* or what 0.bias",
        ),
        (  # as many numbers, in another order
            lambda: nn.ModuleDict({"a": nn.Conv2d(1, 2, (3, 5))}),
            lambda: nn.Conv2d(1, 2, (5, 3)),
            r"where weight \(2, 1, 5, 3\) should go",
        ),
        (lambda: nn.Linear(2, 1), lambda: nn.Flatten(), "where nothing should go, or what bias"),
        (lambda: popular(normalization=nn.BatchNorm2d), Popular, "and 10 more should be"),
    ],
)
def test_weights_whose_shapes_do_not_tell_are_refused_by_name(path, make, other, message):
    safetensors.torch.save_file(other().state_dict(), path)
    model = make()
    before = bits(model)
    with pytest.raises(ValueError, match=f"does not fit this .*{message}"):
        load_weights(model, path)
    assert bits(model) == before


@pytest.mark.parametrize("read", [lambda path: load_weights(LeNet1(), path), read_metadata])
@pytest.mark.parametrize("name", ["missing.safetensors", "folder"])
def test_a_file_that_cannot_be_opened_is_an_oserror_that_names_it(tmp_path, read, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=name):
        read(tmp_path / name)


def test_a_failed_writing_leaves_the_old_file_and_no_other(path, monkeypatch):
    save_weights(LeNet1(), path)
    before = path.read_bytes()

    def write_half(target, content):
        with target.open("wb") as file:
            file.write(content[:500])
        raise OSError("No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", write_half)
    with pytest.raises(OSError, match="No space left"):
        save_weights(LeNet1(), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_full_disk_is_an_oserror(path):
    """A limit on the size of files stands in for the disk; safetensors meets it by itself."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="weights"):
            save_weights(LeNet5(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(path.parent) == []


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        save_weights(LeNet1(), tmp_path / "file" / "weights.safetensors")


# --- what cannot be right ------------------------------------------------------------------------

test_what_cannot_be_right_is_refused = refusals(
    {
        "save": (lambda: save_weights({}, "w"), "model must be of type Module, got dict; such as"),
        "save notes": (
            lambda: save_weights(LeNet1(), "w", {"seed": 1}),
            r"metadata\['seed'\] .* got int",
        ),
        "load": (lambda: load_weights(LeNet1, "w"), "model must be of type Module, got type"),
    }
)


# --- the words, in full --------------------------------------------------------------------------

NO_FILE = "{path} is not a safetensors file, or is damaged: "


def written(path, tensors, notes=()):
    write_tensors(tensors, path, dict(notes))
    return path


def changed(name, change):
    state = LeNet1().state_dict()
    return {**state, name: change(state[name])}


def damaged(path):
    save_weights(LeNet1(), path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return path


def pickled(path):
    torch.save({}, path)
    return path


def pruned(path):
    model = LeNet1()
    prune.identity(model.h3[0], "weight")
    save_weights(model, path)
    return path


test_the_words_are_these = in_full(
    {
        "pickle": (
            lambda path: load_weights(LeNet1(), pickled(path)),
            ValueError,
            NO_FILE + "it is a pickle, as torch.save makes them and .pt and .pth files are. If you "
            "trust it, safetensors.torch.save_file(torch.load(path, weights_only=True), "
            '"weights.safetensors") writes its weights as they can be read here',
        ),
        "damaged": (
            lambda path: load_weights(LeNet1(), damaged(path)),
            ValueError,
            "{path} is damaged: its content has not the checksum with which it was written; take a "
            "copy, or train anew",
        ),
        "notes damaged": (
            lambda path: read_metadata(damaged(path)),
            ValueError,
            "{path} is damaged: its content has not the checksum with which it was written; take a "
            "copy, or train anew",
        ),
        "shape": (
            lambda path: load_weights(
                LeNet1(), written(path, changed("h1.0.bias", lambda t: t[:3]))
            ),
            ValueError,
            "{path} does not fit this LeNet1: h1.0.bias differs ((3,) in the file, (4,) wanted); "
            "build the model with the parts it was trained with",
        ),
        "type": (
            lambda path: load_weights(
                LeNet1(), written(path, changed("h1.0.bias", lambda t: t.double()))
            ),
            ValueError,
            "{path} does not fit this LeNet1: h1.0.bias differs (torch.float64 in the file, "
            "torch.float32 wanted); build the model with the parts it was trained with",
        ),
        "pruned": (
            lambda path: load_weights(LeNet1(), pruned(path)),
            ValueError,
            "{path} does not fit this LeNet1: h3.0.weight differs (None in the file, (20, 5, 5) "
            'wanted); one of the two is pruned: torch.nn.utils.prune.remove(layer, "weight") makes '
            "of each pruned layer one that is not",
        ),
        "NaN": (
            lambda path: load_weights(LeNet1(), written(path, changed("h1.0.bias", torch.log))),
            ValueError,
            "{path} is of no use: h1.0.bias has NaN or infinity. Most likely its training diverged:"
            " train it anew, with a tenth of the learning rate.",
        ),
        "table": (
            lambda path: load_weights(
                LeNet1(), written(path, LeNet1().state_dict(), {TABLES: '{"h3.0": [[0]]}'})
            ),
            ValueError,
            "{path} holds weights for another connection table than that of h3.0: build the model "
            "with the connections it was trained with",
        ),
        "tables": (
            lambda path: load_weights(
                LeNet1(), written(path, LeNet1().state_dict(), {TABLES: "3"})
            ),
            ValueError,
            "{path} is damaged: its connection tables are '3'",
        ),
        "alone": (
            lambda path: load_weights(
                SparseConv2d(((0,),), 1),
                written(path, SparseConv2d(((0,),), 1).state_dict(), {TABLES: '{"": [[1]]}'}),
            ),
            ValueError,
            "{path} holds weights for another connection table than that of it: build the model "
            "with the connections it was trained with",
        ),
        "missing": (
            lambda path: load_weights(LeNet1(), path),
            FileNotFoundError,
            "cannot open {path}: [Errno 2] No such file or directory: '{path}'",
        ),
        "model": (
            lambda path: save_weights({}, path),
            TypeError,
            "model must be of type Module, got dict; such as LeNet5()",
        ),
        "load model": (
            lambda path: load_weights({}, path),
            TypeError,
            "model must be of type Module, got dict; such as LeNet5()",
        ),
        "note": (
            lambda path: save_weights(LeNet1(), path, {"seed": 1}),
            TypeError,
            "metadata['seed'] must be of type str, got int; notes are text: str(...) makes it of "
            "others",
        ),
        "names": (
            lambda path: load_weights(
                nn.Linear(2, 1), written(path, {"a.b": torch.zeros(3), "c": torch.zeros(2, 2)})
            ),
            ValueError,
            "{path} does not fit this Linear: its names are others, and shapes do not tell where "
            "a.b (3,), c (2, 2) should go, or what bias (1,), weight (1, 2) should be; build the "
            "model with the parts it was trained with",
        ),
    }
)


def test_a_file_is_laid_out_as_safetensors_wants_it(path):
    """Data begin at a multiple of 8, notes are in order, and the same content is the same bytes."""
    tensors = {"b": torch.zeros(3), "a": torch.ones(2, 2).t()}
    write_tensors(tensors, path, {"z": "1", "a": "2", CHECKSUM: "of before"})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert list(head["__metadata__"]) == ["a", "z", CHECKSUM]
    assert head["__metadata__"][CHECKSUM] != "of before"
    assert b", " not in content[8 : 8 + length]
    write_tensors(tensors, path, {"a": "2", "z": "1"})
    assert path.read_bytes() == content
    assert torch.equal(safetensors.torch.load_file(path)["a"], torch.ones(2, 2))


def test_content_that_is_no_file_of_safetensors_is_told_with_its_name():
    with pytest.raises(ValueError, match=r"^a/b is not a safetensors file, or is damaged: "):
        unpack(b"neither head nor data", "a/b")


@pytest.mark.parametrize(("count", "end"), [(8, ""), (9, " and 1 more"), (10, " and 2 more")])
def test_of_many_tensors_eight_are_named(path, count, end):
    found = {f"t{number}": torch.zeros(3) for number in range(count)}
    named = ", ".join(f"t{number} (3,)" for number in range(8))
    with pytest.raises(ValueError, match=f" where {re.escape(named)}{end} should go, or what "):
        load_weights(nn.Linear(2, 1), written(path, found))


def test_tensors_of_one_or_of_no_numbers_have_shapes_that_tell_too(path):
    model, tensors = nn.Conv2d(1, 3, 1), {"a.weight": torch.randn(3, 1), "a.bias": torch.randn(3)}
    load_weights(model, written(path, tensors))
    assert torch.equal(model.weight[..., 0, 0], tensors["a.weight"])
    with pytest.raises(ValueError, match=r"where a \(0, 5\) should go, or what bias"):
        load_weights(nn.Linear(2, 1), written(path, {"a": torch.zeros(0, 5)}))


def with_another_head(path, change):
    """Let ``change`` alter the head of a file, whose data stay."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    head = json.dumps(change(json.loads(content[8:start]))).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + content[start:])


def swapped(head):
    return {**head, "weight": head["same"], "same": head["weight"]}


def other_note(head):
    return {**head, "__metadata__": {**head["__metadata__"], "seed": "4"}}


def other_order(head):
    notes = dict(reversed(head["__metadata__"].items()))
    return dict(reversed({**head, "__metadata__": notes}.items()))


def test_the_checksum_is_of_names_places_and_notes_but_not_of_their_order(path):
    tensors, notes = {"weight": torch.zeros(2), "same": torch.ones(2)}, {"seed": "3", "a": "b"}
    for change in (swapped, other_note):
        with_another_head(written(path, tensors, notes), change)
        with pytest.raises(ValueError, match="has not the checksum with which it was written"):
            unpack(path.read_bytes(), path)
    with_another_head(written(path, tensors, notes), other_order)
    found, said = unpack(path.read_bytes(), path)
    assert said == notes
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "weight": [0, 0],
        "same": [1, 1],
    }
