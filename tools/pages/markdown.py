"""What the generated pages need of Markdown: text from elsewhere that stays text."""

from __future__ import annotations

SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "*": "\\*", "_": "\\_", "[": "\\["}


def plain(text: str) -> str:
    """Return text on one line that a table shows as it is written.

    Args:
        text: any text; what Markdown or HTML would take as a sign is escaped, but code between backticks is
        kept.
    """
    parts = " ".join(text.split()).split("`")
    shown = ["".join(SPECIAL.get(sign, sign) for sign in part) for part in parts[::2]]
    code = [f"`{part.replace('|', SPECIAL['|'])}`" for part in parts[1::2]]
    return "".join(piece for pair in zip(shown, [*code, ""], strict=False) for piece in pair)
