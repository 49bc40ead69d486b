"""Numbers that the book's prose quotes, kept by the code that computes them."""

from __future__ import annotations

__all__ = ["glue"]

PREFIX = "application/papermill.record/"  # front ends do not show types they do not know


def glue(name: str, value: object) -> None:
    """Keep ``value`` in the notebook under ``name``, for ``{glue:text}`name``` in the prose.

    Does what MyST-NB's own ``glue(..., display=False)`` does, without Sphinx, whose import takes
    longer than many cells and which a reader in Colab does not have. Needs a notebook's kernel.

    Parameters
    ----------
    name
        One of its kind in the chapter.
    value
        Anything that can be shown; numbers as Python's own, not NumPy's or PyTorch's.
    """
    from IPython.core.formatters import format_display_data
    from IPython.display import display

    shown, metadata = format_display_data(value)
    metadata["scrapbook"] = {"name": name, "mime_prefix": PREFIX}
    display({PREFIX + kind: data for kind, data in shown.items()}, raw=True, metadata=metadata)
