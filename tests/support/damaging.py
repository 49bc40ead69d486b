"""Damages to the bytes of any file, drawn by a ``random.Random``."""


def truncated(draw, content):
    return content[: draw.randrange(len(content))]


def stuffed(draw, content):
    place = draw.randrange(len(content))
    return content[:place] + draw.randbytes(draw.randrange(1, 300)) + content[place:]


def repeated(draw, content):
    first, last = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:last] + content[first:]
