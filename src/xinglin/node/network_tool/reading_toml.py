"""Reads the two small TOML files of the network tool into bounded models, with one refusal for whatever is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from xinglin.node.network_tool.errors import MembersInvalid

MAX_BYTES = 64 << 10
"""Of a file; 32 members with long names have a quarter of it."""
_MAX_REASON = 200


class Table(BaseModel):
    """A table of which every key is known; values are of the very type that is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Read = TypeVar("Read", bound=Table)


def read_toml(path: Path, model: type[Read]) -> Read:
    """Return what a file says.

    Raises:
        MembersInvalid: it can't be read, is too long, is not TOML, or has another form.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise invalid(path, "-", error.strerror or "it can't be read") from None
    if len(data) > MAX_BYTES:
        raise invalid(path, "-", f"it has more than {MAX_BYTES} bytes")
    try:
        tables = tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise invalid(path, "-", "it is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise invalid(path, "-", f"it is not TOML: {error}") from None
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise invalid(path, ".".join(map(str, first["loc"])) or "-", first["msg"]) from None


def invalid(path: Path, where: str, reason: str) -> MembersInvalid:
    """Return the refusal of a file."""
    said = " ".join(reason.removeprefix("Value error, ").split())[:_MAX_REASON].rstrip(".")
    return MembersInvalid(file=str(path), where=where[:_MAX_REASON], reason=said)
