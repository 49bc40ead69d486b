"""Altered checkpoints and weights: the same weights as without, or one sentence; nothing else."""

import copy
import json
import random
from functools import cache

import pytest
import torch
from building import long
from damaging import repeated, stuffed, truncated
from safetensors.torch import load_file, save_file
from toy import QUIET, make_digits, make_model

from lenet_utils import LeNet1, fit, load_weights, save_weights
from lenet_utils.models import read_metadata
from lenet_utils.models.weights import CHECKSUM, write_tensors
from lenet_utils.training import load_trained

NOTES = {"model": "lenet1", "data": "mnist", "scaling": "1998", "background": "0", "ink": "1"}
SLICE = 11  # one of so many cases is looked at in `make test`


# --- what is done to bytes, at random ----------------------------------------------------------


def flipped(draw, content):
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def flipped_in_the_head(draw, content):
    """Where names, shapes, kinds and notes are."""
    end = 8 + int.from_bytes(content[:8], "little")
    place = draw.randrange(end)
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def overwritten(draw, content):
    place, count = draw.randrange(len(content)), draw.randrange(1, 64)
    return (content[:place] + draw.randbytes(count) + content[place + count :])[: len(content)]


def random_bytes(draw, content):
    start = draw.choice((0, 8, 16))
    return content[:start] + draw.randbytes(draw.randrange(400))


def exchanged(draw, content):
    """Another kind, of as many bytes: what was a moment is a whole number, for one."""
    kinds = [b'"F32"', b'"I32"', b'"U32"', b'"F64"', b'"I64"', b'"U64"', b'"U8"', b'"I8"']
    there = [kind for kind in kinds if kind in content]
    old = draw.choice(there)
    new = draw.choice([kind for kind in kinds if kind != old and len(kind) == len(old)])
    places = [i for i in range(len(content)) if content.startswith(old, i)]
    place = draw.choice(places)
    return content[:place] + new + content[place + len(old) :]


DAMAGES = (flipped, flipped_in_the_head, overwritten, truncated, stuffed, repeated, random_bytes)
DAMAGES += (exchanged,)


# --- what is done to tensors and notes, with a checksum that is right --------------------------


def tensor_changes(tensors):
    """Name each change of one tensor that no training would have written, and make it."""
    for name, tensor in tensors.items():
        others = {key: value for key, value in tensors.items() if key != name}
        yield f"{name} gone", others
        yield f"{name} renamed", {**others, f"{name}x": tensor}
        changes = {
            "longer": torch.cat([tensor.flatten(), tensor.flatten()[:1]]),
            "empty": tensor.flatten()[:0],
            "deeper": tensor[None],
            **{str(kind): tensor.to(kind) for kind in (torch.bool, torch.int32, torch.float16)},
        }
        if tensor.is_floating_point():
            changes |= {"NaN": torch.full_like(tensor, torch.nan)}
            changes |= {"infinite": torch.full_like(tensor, torch.inf)}
        for what, changed in changes.items():
            yield f"{name} {what}", {**others, name: changed}
    yield "one more", {**tensors, "more": torch.zeros(3)}


def record_changes(tensors):
    def changed(name, change):
        copies = {key: value.clone() for key, value in tensors.items()}
        copies[name] = change(copies[name])
        return copies

    def put(*place, value):
        def change(tensor):
            tensor[place] = value
            return tensor

        return change

    epochs, steps, best = "record.epochs", "record.steps", "record.best"
    yield "an epoch twice", changed(epochs, lambda t: torch.cat([t, t[-1:]]))
    yield "an epoch less", changed(epochs, lambda t: t[:1])
    yield "a step less", changed(steps, lambda t: t[:-1])
    yield "another order", changed(steps, lambda t: t.flip(0))
    yield "epoch 7", changed(epochs, put(0, 0, value=7))
    yield "no loss", changed(epochs, put(0, 1, value=torch.nan))
    yield "not judged", changed(epochs, put(0, 3, value=torch.nan))
    yield "wrong twice", changed(steps, put(0, 3, value=2.0))
    yield "never best", changed(best, put(0, value=0))
    yield "best at the end", changed(best, put(0, value=99))
    yield "half an epoch", changed(best, put(0, value=1.5))
    yield "errors", changed(best, put(1, value=1e6))
    yield "loss", changed(best, put(2, value=torch.inf))
    for name in ("optimizer.0.step", "optimizer.1.exp_avg_sq"):
        yield f"negative {name}", changed(name, lambda t: -1 - t)
    yield "random zeros", changed("random.cpu", torch.zeros_like)
    # As a training of more epochs than were asked for would have written it.
    whole = copy.deepcopy(tensors)
    whole[epochs] = torch.cat([whole[epochs]] * 4)
    whole[epochs][:, 0] = torch.arange(1, len(whole[epochs]) + 1)
    whole[steps] = torch.cat([whole[steps]] * 4)
    yield "more epochs", whole


def note_changes(notes):
    for name in notes:
        yield f"note {name} gone", {key: note for key, note in notes.items() if key != name}
        yield f"note {name} other", {**notes, name: notes[name] + "?"}
    yield "one note more", {**notes, "more": "x"}
    for text in (
        "[]",
        "3",
        "null",
        '{"optimizer.0.step": "x"}',
        '{"optimizer.x.y": 1}',
        "[" * 9999,
    ):
        yield f"numbers {text[:30]}", {**notes, "numbers": text}
    for text in ("{}", "[]", "null", "NaN"):
        yield f"groups {text}", {**notes, "groups": text}
    groups = json.loads(notes["groups"])
    for key, value in groups[0].items():
        for other in ("x", -1, float("nan"), float("inf"), 10**400, [], None, not value):
            if other != value or isinstance(other, bool) is not isinstance(value, bool):
                text = json.dumps([{**groups[0], key: other}])
                yield f"{key} {str(other)[:9]}", {**notes, "groups": text}
        if key == "betas":
            text = json.dumps([{**groups[0], key: [0.9, 1.5]}])
            yield f"{key} above 1", {**notes, "groups": text}
        text = json.dumps([{k: v for k, v in groups[0].items() if k != key}])
        yield f"{key} gone", {**notes, "groups": text}


# --- the training, and the weights -------------------------------------------------------------


def train(path, **options):
    torch.manual_seed(0)
    digits, model = make_digits(), make_model()
    fit(model, digits, digits[:9], epochs=4, batch_size=5, checkpoint=path, **QUIET, **options)
    return bits(model)


def bits(model):
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


@cache
def half_trained(folder):
    path = folder / "whole"
    train(path, after_epoch=lambda row: row["epoch"] == 2)
    return path


def damaged(content, seed, count):
    """Yield each damage in turn, and what writes the damaged bytes to a path."""
    draw = random.Random(seed)
    for i in range(count):
        damage = DAMAGES[i % len(DAMAGES)]
        changed = damage(draw, content)
        yield damage.__name__, lambda path, changed=changed: path.write_bytes(changed)


def altered_checkpoints(folder):
    """Yield what each is called, and what writes it to a path."""
    path = half_trained(folder)
    content, tensors, notes = path.read_bytes(), load_file(path), read_metadata(path)
    for name, changed in (*tensor_changes(tensors), *record_changes(tensors)):
        yield name, lambda path, changed=changed: write_tensors(changed, path, notes)
    for name, changed in note_changes(notes):
        yield name, lambda path, changed=changed: write_tensors(tensors, path, changed)
    yield from damaged(content, seed=1, count=320)


def altered_weights(folder):
    torch.manual_seed(0)
    path = folder / "weights"
    save_weights(LeNet1(), path, NOTES)
    content, tensors = path.read_bytes(), load_file(path)
    for name, changed in tensor_changes(tensors):
        yield name, lambda path, changed=changed: write_tensors(changed, path, NOTES)
    yield from damaged(content, seed=2, count=240)


def judged(name, act, expected, path):
    """Return whether the file was refused; what is neither right nor a sentence is a failure."""
    try:
        found, message = act(), None
    except (OSError, ValueError) as error:
        found, message = None, str(error)
    except Exception as error:
        raise AssertionError(f"{name}: {error!r}") from error
    if message is None:
        assert found == expected, name
        return False
    assert str(path) in message, (name, message)
    assert "\n" not in message, (name, message)
    return True


@pytest.mark.parametrize("every", [SLICE, long(1)])
def test_a_training_goes_on_to_the_same_weights_or_refuses_the_file(tmp_path, every):
    expected = train(tmp_path / "never stopped")
    cases = list(altered_checkpoints(tmp_path))
    assert len(cases) > 500
    path, refused = tmp_path / "c", []
    for name, write in cases[::every]:
        write(path)
        refused.append(judged(name, lambda: train(path), expected, path))
    assert 0.9 < sum(refused) / len(refused) <= 1


@pytest.mark.parametrize("every", [SLICE, long(1)])
def test_weights_are_the_same_or_refused_and_then_nothing_changes(tmp_path, every):
    cases = list(altered_weights(tmp_path))
    assert len(cases) > 300
    expected = bits(load_trained(tmp_path / "weights").model)
    path, refused = tmp_path / "w", []

    def load():
        load_weights(model, path)
        return bits(model)

    for name, write in cases[::every]:
        write(path)
        model = LeNet1()
        before = bits(model)
        refused.append(judged(name, load, expected, path))
        if refused[-1]:
            assert bits(model) == before
        judged(name, lambda: bits(load_trained(path).model), expected, path)
    assert 0.9 < sum(refused) / len(refused) <= 1


def test_one_bit_is_noticed_wherever_it_is_in_the_data(tmp_path):
    save_weights(LeNet1(), tmp_path / "w")
    content = (tmp_path / "w").read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    for place in (start, (start + len(content)) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / "w").write_bytes(changed)
        with pytest.raises(ValueError, match="w is damaged: its content has not the checksum"):
            load_weights(LeNet1(), tmp_path / "w")


def test_files_from_before_there_were_checksums_are_read(tmp_path):
    path, expected = half_trained(tmp_path), train(tmp_path / "never stopped")
    tensors, notes = load_file(path), read_metadata(path)
    assert CHECKSUM not in notes
    tensors["record.epochs"][:, -1] = 2.5  # in seconds, which they had
    save_file(tensors, tmp_path / "c", notes)
    assert train(tmp_path / "c") == expected
    model, other = LeNet1(), LeNet1()
    save_file(model.state_dict(), tmp_path / "w", NOTES)
    load_weights(other, tmp_path / "w")
    assert bits(other) == bits(model)
    assert read_metadata(tmp_path / "w") == NOTES
