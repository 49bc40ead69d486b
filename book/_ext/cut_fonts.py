"""Fonts cut to the characters in use, for `formulas` and `icons`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont


def cut_font(
    source: Path,
    characters: set[str],
    target: Path,
    prepare: Callable[[TTFont], None] = lambda font: None,
) -> None:
    """Write a font with these characters, unless a former build did so already.

    Of characters that grow, such as brackets, the font has all sizes. ``prepare`` may change the
    whole font before it is cut.
    """
    stamp = target.with_name(f"{target.name}.made-from")
    made_from = hashlib.sha256("".join([source.name, *sorted(characters)]).encode()).hexdigest()
    if target.is_file() and stamp.is_file() and stamp.read_text() == made_from:
        return
    options = subset.Options(
        flavor="woff",  # WOFF 2 would save a fifth and need another package
        layout_features=[],
        name_IDs=[0, 5, 13, 14],  # copyright, version and licence travel along
        hinting=False,
        notdef_outline=True,
    )
    font = subset.load_font(str(source), options)
    prepare(font)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=map(ord, characters))
    cutter.subset(font)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.part")
    subset.save_font(font, str(temporary), options)
    temporary.replace(target)
    stamp.write_text(made_from)
