"""Damaged pictures for ``predict``: run by tests/data/test_damaged_pictures.py with little memory.

``python fuzz_predict.py FOLDER CASES`` makes that many files, in parts, and names the digit in each
by the command line's own code; an exception, a hang, or a file without its one line ends it.
"""

import contextlib
import faulthandler
import io
import random
import re
import resource
import sys
import zlib
from pathlib import Path

import torch
from damaging import repeated, stuffed, truncated
from PIL import Image

from lenet_utils import LeNet1, save_weights
from lenet_utils.__main__ import main

MEMORY = 2**30  # bytes
PART = 500  # files at once
NOTES = {
    "model": "lenet1",
    "data": "mnist",
    "scaling": "1998",
    "background": "-0.1",
    "ink": "1.175",
}


def whole_pictures():
    """Return some good files: a seven in every kind of PNG and JPEG that is common."""
    seven = Image.new("L", (40, 50), 250)
    seven.paste(10, (8, 8, 30, 12))
    seven.paste(10, (24, 12, 28, 42))
    modes = {"PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "JPEG": ("L", "RGB", "CMYK")}
    kinds = [(kind, mode, {}) for kind, modes in modes.items() for mode in modes]
    kinds += [("JPEG", "RGB", {"progressive": True}), ("PNG", "P", {"transparency": 0})]
    kinds += [("JPEG", "L", {"exif": exif(orientation)}) for orientation in (3, 6)]
    pictures = []
    for kind, mode, options in kinds:
        file = io.BytesIO()
        seven.convert(mode).save(file, kind, **options)
        pictures.append(file.getvalue())
    return pictures


def exif(orientation):
    notes = Image.Exif()
    notes[0x0112] = orientation
    return notes.tobytes()


def flipped(draw, content):
    changed = bytearray(content)
    for _ in range(draw.choice((1, 2, 8, 64))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def random_bytes(draw, content):
    start = draw.choice((0, 4, 16))  # of the right kind, or of none
    return content[:start] + draw.randbytes(draw.randrange(400))


def resized(draw, content):
    """Claim another size in a PNG's header, with a right checksum, up to billions of pixels."""
    if not content.startswith(b"\x89PNG"):
        return flipped(draw, content)
    sides = [draw.choice((0, 1, 50, 3000, 40_000, 2**31 - 1, 2**32 - 1)) for _ in range(2)]
    header = b"".join(side.to_bytes(4, "big") for side in sides) + content[24:29]
    return content[:8] + chunk(b"IHDR", header) + content[33:]


def rechecked(draw, content):
    """Change bytes inside a PNG's chunk and mend its checksum, to get past the first check."""
    if not content.startswith(b"\x89PNG"):
        return flipped(draw, content)
    start = content.index(b"IDAT") - 4
    end = start + 8 + int.from_bytes(content[start : start + 4], "big")
    return (
        content[:start]
        + chunk(b"IDAT", flipped(draw, content[start + 8 : end]))
        + content[end + 4 :]
    )


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def bomb(side):
    """Return a PNG of few bytes that unpacks to ``side`` by ``side`` transparent pixels."""
    size, packer = side.to_bytes(4, "big"), zlib.compressobj()
    rows = b"".join(packer.compress(bytes(1 + 4 * side)) for _ in range(side)) + packer.flush()
    header = chunk(b"IHDR", size + size + bytes([8, 6, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


DAMAGES = (flipped, truncated, stuffed, repeated, random_bytes, resized, rechecked)


def files(draw, count):
    yield from (bomb(side) for side in (3_000, 4_400, 6_000))
    pictures = whole_pictures()
    yield from pictures
    for i in range(count - len(pictures) - 3):
        yield DAMAGES[i % len(DAMAGES)](draw, draw.choice(pictures))


def predict(paths, weights):
    """Name the digits, and see to it that each file gets one line, on one stream or the other."""
    out, err = io.StringIO(), io.StringIO()
    faulthandler.dump_traceback_later(1_800, exit=True)  # a hang is a failure
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["predict", *map(str, paths), "--weights", str(weights)])
    faulthandler.cancel_dump_traceback_later()
    answers, errors = out.getvalue().splitlines(), err.getvalue().splitlines()
    failed = errors[:-1]  # the last one counts them
    assert code == bool(errors), (code, errors[-3:])
    named = sorted(line.partition(": ")[0] for line in answers + failed)
    assert named == sorted(map(str, paths)), [
        line for line in errors if str(paths[0].parent) not in line
    ]
    assert all(" (probability " in line or " (output " in line for line in answers)
    return len(answers)


def data_size():
    """Return the size of this process's data, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmData:\s+(\d+) kB", status)[1]) * 1024


def run(folder, count):
    torch.set_num_threads(1)
    has = data_size()
    resource.setrlimit(resource.RLIMIT_DATA, (has + MEMORY, has + MEMORY))  # it may take no more
    draw, weights = random.Random(1998), folder / "weights.safetensors"
    save_weights(LeNet1(), weights, NOTES)
    answered, part = 0, []
    for i, content in enumerate(files(draw, count), 1):
        part.append(folder / f"{i % PART}.png")
        part[-1].write_bytes(content)
        if len(part) == PART or i == count:
            answered += predict(part, weights)
            part = []
    print(f"{count} files, {answered} answers")


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
