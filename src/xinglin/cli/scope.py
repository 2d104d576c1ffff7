"""The options by which commands take a scope: what for, how far, for whom, from when until when."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xinglin.cli.choices import (
    CategoriesOption,
    CopyOption,
    DaysOption,
    FromOption,
    LevelOption,
    MembersOption,
    PurposesOption,
    ReadersOption,
    RolesOption,
    SpecialOption,
    UntilOption,
    read_choice,
    read_choices,
    read_ids,
    read_period,
    read_special,
)
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Copy, Purpose


@dataclass(frozen=True, slots=True)
class Scope:
    """What the options say, checked; the period as it was given, for it counts from when the command runs."""

    purposes: Sequence[Purpose]
    categories: Sequence[Category]
    level: Level
    special: Special
    copy: Copy
    members: Sequence[str]
    roles: Sequence[Role]
    accounts: Sequence[str]
    begins: str | None
    until: str | None
    days: int | None

    def period(self, now_ms: int, *, open_end: bool = False) -> tuple[int, int]:
        """Return from when until when (ms) it holds; as ``read_period``."""
        return read_period(self.begins, self.until, self.days, now_ms, open_end=open_end)


def read_scope(
    purpose: PurposesOption = None,
    category: CategoriesOption = None,
    level: LevelOption = 4,
    special: SpecialOption = None,
    copy: CopyOption = "original",
    member: MembersOption = None,
    role: RolesOption = None,
    reader: ReadersOption = None,
    begins: FromOption = None,
    until: UntilOption = None,
    days: DaysOption = None,
) -> Scope:
    """Return the scope that options say; the arguments here are the options that commands have.

    Raises:
        ChoiceUnknown: a word is none of those that its option takes.
        IdentifierInvalid: who is named is no id.
    """
    return Scope(
        purposes=read_choices("--purpose", Purpose, purpose),
        categories=read_choices("--category", Category, category),
        level=Level(level),
        special=read_special(special),
        copy=read_choice("--copy", Copy, copy),
        members=read_ids(member),
        roles=read_choices("--role", Role, role),
        accounts=read_ids(reader),
        begins=begins,
        until=until,
        days=days,
    )


def takes_scope(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a scope, in the place of its argument ``scope``, which is what they say."""
    options = inspect.signature(read_scope, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        parameters += options.values() if name == "scope" else [parameter]

    @functools.wraps(command)
    def taking(**given: Any) -> None:
        scope = read_scope(**{name: given.pop(name) for name in options})
        command(scope=scope, **given)

    vars(taking)["__signature__"] = own.replace(parameters=parameters)  # by which typer makes the options
    return taking
