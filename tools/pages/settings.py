"""The settings (docs/guide/settings.md), from the typed tree in `xinglin.settings`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tools.pages.markdown import plain

KINDS: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
HEAD = """# Settings

Each setting can stand in `config.toml` of a node's home or in the environment; the environment wins. This
page is generated.

| Setting | In the environment | Kind | Default | Meaning |
|---|---|---|---|---|
"""


def page(root: Path) -> str | None:
    """Return the page, or None while the package has no settings.

    Args:
        root: the folder of the repository; the settings are those of the installed package.
    """
    if importlib.util.find_spec("xinglin.settings") is None:
        return None
    tree = importlib.import_module("xinglin.settings").Settings
    prefix = tree.model_config.get("env_prefix", "")
    separator = tree.model_config.get("env_nested_delimiter") or "__"
    return HEAD + "".join(
        f"| `{'.'.join(path)}` | `{(prefix + separator.join(path)).upper()}` | {kind(field)} "
        f"| {default(field)} | {plain(field.description or '')} |\n"
        for path, field in walk(tree, ())
    )


def walk(tree: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield every setting that is no group itself, with the names that lead to it."""
    for name, field in tree.model_fields.items():
        groups = [kind for kind in (field.annotation, *get_args(field.annotation)) if is_group(kind)]
        if groups:
            yield from walk(groups[0], (*path, name))
        else:
            yield (*path, name), field


def is_group(kind: object) -> bool:
    """Say whether a type is a group of settings."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def kind(field: FieldInfo) -> str:
    """Return the type of a setting as people read it: its choices, else a word."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    return KINDS.get(field.annotation, plain(str(field.annotation)))


def default(field: FieldInfo) -> str:
    """Return what a setting is when nobody sets it."""
    if field.is_required():
        return "none: it must be set"
    value = field.get_default(call_default_factory=True)
    return "none" if value in (None, "") else f"`{value}`"
