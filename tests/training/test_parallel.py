"""Several processes learn what one learns, and end together."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from building import ROOT
from safetensors.torch import load_file

from lenet_utils.training import parallel
from lenet_utils.training.parallel import bytes_from_first, from_first, mean_of_all, own_part

SCRIPT = ROOT / "tests" / "support" / "joint_training.py"
PATIENCE = 1_800  # seconds: what has not come by then will not come on the busiest machine
ALONE = [sys.executable]
TWO = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
TWO += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"]


def start(launcher, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [*launcher, str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, **pipes)


def run(launcher, *arguments):
    process = start(launcher, *arguments)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out, err


@pytest.fixture(scope="module")
def alone_and_together(tmp_path_factory):
    """The folders of one training by one process and by two."""
    folders = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("together")
    for launcher, folder in zip((ALONE, TWO), folders, strict=True):
        run(launcher, "weights", folder)
    return folders


def test_two_processes_give_the_weights_of_one_to_5_digits(alone_and_together):
    one, two = (load_file(folder / "weights.safetensors") for folder in alone_and_together)
    assert one.keys() == two.keys()
    assert max((one[name] - two[name]).abs().max() for name in one) < 1e-5


def test_and_the_history_of_the_whole_batches(alone_and_together):
    one, two = (pd.read_csv(folder / "steps.csv") for folder in alone_and_together)
    assert len(one) == 24
    pd.testing.assert_frame_equal(one, two, atol=1e-5, rtol=1e-4)


def test_only_the_first_process_prints_and_writes(tmp_path):
    out, err = run(TWO, "train", tmp_path / "run", "--epochs", 2)
    assert out.count("kept epoch") == out.count("wrote weights.safetensors") == 1
    assert err.count("0/10 [00:00<?") == 1, err  # one progress bar
    written = sorted(path.name for path in (tmp_path / "run").iterdir())
    names = ["checkpoint.safetensors", "curves.png", "history.csv", "weights.safetensors"]
    assert written == names


def wait_until(condition, process):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.long
def test_a_killed_process_ends_all_and_leaves_a_whole_checkpoint(tmp_path):
    folder, options = tmp_path / "run", ["--epochs", 300, "--seed", 3]
    checkpoint = folder / "checkpoint.safetensors"
    process = start(TWO, "train", folder, *options)
    wait_until(checkpoint.exists, process)
    os.kill(int((tmp_path / "process-1").read_text()), signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode not in (0, None)
    assert "Signal 9" in err
    done = len(load_file(checkpoint)["record.epochs"])
    assert 1 <= done < 300
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        checkpoint.name
    ]
    # What two began one goes on with: the next epoch is the one that was lost.
    process = start(ALONE, "train", folder, *options, "--resume")
    wait_until(lambda: len(load_file(checkpoint)["record.epochs"]) > done, process)
    process.kill()
    process.communicate()
    steps = load_file(checkpoint)["record.steps"]
    assert steps[:, 1].tolist() == list(range(1, len(steps) + 1))
    assert len(steps) > 5 * done


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("batch", [1, 2, 3, 10])
def test_the_parts_make_up_the_batch_and_their_weights_its_mean(monkeypatch, count, batch):
    values = torch.arange(batch)
    monkeypatch.setattr("lenet_utils.training.parallel.process_count", lambda: count)
    parts = []
    for number in range(count):
        monkeypatch.setattr(
            "lenet_utils.training.parallel.process_number", lambda number=number: number
        )
        parts.append(own_part(values))
    assert all(len(part) for part, _ in parts)
    counted = torch.cat([part for part, weight in parts if weight])
    assert sorted(counted.tolist()) == values.tolist()
    mean = sum(part.double().mean() * weight for part, weight in parts) / count
    assert mean == pytest.approx(values.double().mean())


def test_a_process_that_is_alone_keeps_what_it_has():
    values = torch.tensor([1.0, 2.0])
    assert from_first(values) is values
    assert mean_of_all(values) is values
    assert bytes_from_first(b"abc") == b"abc"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:534] closed by peer"), ChildProcessError),
        (torch.distributed.DistBackendError("NCCL communicator was aborted"), ChildProcessError),
        (torch.OutOfMemoryError("out of memory. Tried to allocate 2 GiB"), torch.OutOfMemoryError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), RuntimeError),
    ],
)
def test_only_what_another_process_did_is_laid_to_it(monkeypatch, error, kind):
    dist = torch.distributed
    monkeypatch.setattr(dist, "is_torchelastic_launched", lambda: True)
    monkeypatch.setattr(dist, "init_process_group", lambda: None)
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(kind) as seen, parallel.joined_processes():
        raise error
    assert type(seen.value) is kind
