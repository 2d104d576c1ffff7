"""Which members a network has, and where each listens: read from a file of members, checked before anything is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from xinglin.carrier.consensus.comet.config import check_address, check_loopback
from xinglin.kernel.errors import PlatformError
from xinglin.node.consortium.network_setup import Place
from xinglin.node.network_tool.reading_toml import Table, invalid, read_toml
from xinglin.stakeholders.kinds import MemberKind

MAX_MEMBERS = 32
"""On one machine; a consortium may have more."""
DEFAULT_PORT = 26_650
_PORTS_EACH, _MAX_PORT = 4, 65_535
_FOLDER = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_TAKEN = frozenset({"passphrase"})


def check_folder(name: str) -> str:
    """Return the name of a node's folder; raises ValueError for what may not be one."""
    if not _FOLDER.fullmatch(name) or name in _TAKEN:
        raise ValueError("a folder is 1 to 32 small letters, digits and -, not - first, and not 'passphrase'")
    return name


def _check_name(name: str) -> str:
    if not name.isprintable() or not name.strip() or len(name.encode(errors="replace")) > 200:
        raise ValueError("a name is one line of 1 to 200 bytes")
    return name


def check_host(host: str) -> str:
    """Return a host's name or address; raises ValueError for what is none."""
    if not _HOST.fullmatch(host):
        raise ValueError("it is not a host")
    return host


def check_place(place: str) -> str:
    """Return ``host:port``; raises ValueError for what is none."""
    try:
        check_address("place", place)
    except PlatformError:
        raise ValueError("it is not HOST:PORT") from None
    return place


def _check_inside(place: str) -> str:
    try:
        check_loopback("place", place)
    except PlatformError:
        raise ValueError("it is not HOST:PORT on loopback") from None
    return place


Folder = Annotated[str, AfterValidator(check_folder)]
OwnPlace = Annotated[str, Field(max_length=300), AfterValidator(check_place)]
InnerPlace = Annotated[str, Field(max_length=300), AfterValidator(_check_inside)]
Kind = Literal["data_user", "medical_institution", "supplier", "technology_provider", "regulator"]


class _Member(Table):
    folder: Folder
    name: Annotated[str, AfterValidator(_check_name)]
    kind: Kind
    votes: bool = True
    cosigns: bool = True
    p2p: OwnPlace | None = None
    rpc: InnerPlace | None = None
    listen: OwnPlace | None = None
    metrics: OwnPlace | None = None


class _Members(Table):
    base_port: int = Field(DEFAULT_PORT, ge=1024, le=_MAX_PORT)
    host: Annotated[str, AfterValidator(check_host)] = "127.0.0.1"
    members: list[_Member] = Field(min_length=1, max_length=MAX_MEMBERS)


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """One member: the folder of its home, its name and kind, whether it votes and cosigns, where its node listens."""

    folder: str
    name: str
    kind: MemberKind
    votes: bool
    cosigns: bool
    place: Place


_DEFAULT = (
    ("hospital-a", "Hospital A", "medical_institution", True),
    ("hospital-b", "Hospital B", "medical_institution", True),
    ("platform", "Regional Platform", "technology_provider", True),
    ("insurer", "Insurer", "data_user", True),
    ("regulator", "Regulator", "regulator", False),
)


def default_plan(base_port: int = DEFAULT_PORT) -> tuple[MemberPlan, ...]:
    """Return four institutions with a vote, and a regulator that looks on and cosigns; four ports each."""
    members = [_Member(folder=folder, name=name, kind=kind, votes=votes) for folder, name, kind, votes in _DEFAULT]  # type: ignore[arg-type]
    return tuple(_planned(_Members(base_port=base_port, members=members)))


def read_plan(path: Path) -> tuple[MemberPlan, ...]:
    """Return the members that a file names, in its order.

    Raises:
        MembersInvalid: it can't be read, or what it says is not valid.
    """
    found = read_toml(path, _Members)
    if found.base_port + _PORTS_EACH * len(found.members) > _MAX_PORT + 1:
        raise invalid(path, "base_port", f"the last port would be over {_MAX_PORT}")
    plan = tuple(_planned(found))
    for what, named in (("folder", [one.folder for one in plan]), ("name", [one.name for one in plan])):
        for twice in _twice(named):
            raise invalid(path, f"members.{twice}.{what}", "another member has it")
    for twice in _twice([place for one in plan for place in _places(one)]):
        raise invalid(path, f"members.{twice // _PORTS_EACH}", "two listen at one place")
    for what, some in (("votes", any(one.votes for one in plan)), ("cosigns", any(one.cosigns for one in plan))):
        if not some:
            raise invalid(path, f"members.{what}", "at least one member has to")
    return plan


def _planned(found: _Members) -> Iterator[MemberPlan]:
    for number, one in enumerate(found.members):
        first = found.base_port + _PORTS_EACH * number
        place = Place(
            p2p=one.p2p or f"{found.host}:{first}",
            rpc=one.rpc or f"127.0.0.1:{first + 1}",
            listen=one.listen or f"{found.host}:{first + 2}",
            metrics=one.metrics or f"127.0.0.1:{first + 3}",
        )
        yield MemberPlan(one.folder, one.name, MemberKind[one.kind.upper()], one.votes, one.cosigns, place)


def _places(member: MemberPlan) -> tuple[str, str, str, str]:
    place = member.place
    return place.p2p.lower(), place.rpc.lower(), place.listen.lower(), place.metrics.lower()


def _twice(values: list[str]) -> Iterator[int]:
    """Yield the index of each value that was there before."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield index
        seen.add(value)
