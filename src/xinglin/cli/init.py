"""``xinglin init``: a first home, with a consortium chain of its own and, for a hospital, a private chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, check_text
from xinglin.cli.output import show
from xinglin.cli.passphrase import read_passphrase
from xinglin.kernel.errors import Invalid
from xinglin.node.chains import random_bytes
from xinglin.node.home import made_whole
from xinglin.node.node import open_node
from xinglin.node.opening import open_for_business
from xinglin.node.setup import ALONE, adopt, consortium_genesis, make_home
from xinglin.stakeholders.kinds import MemberKind


class KindUnknown(Invalid):
    """A member kind is none of the five."""

    code, number, clause = "member.kind", 6111, "S5.2"
    en = "'{kind}' is not a kind of member."
    zh = "“{kind}”不是成员类型。"
    hint_en = "Kinds: data_user, medical_institution, supplier, technology_provider, regulator."
    hint_zh = "类型：data_user、medical_institution、supplier、technology_provider、regulator。"


def init(
    home: HomeOption,
    name: Annotated[str, typer.Option("--name", help="The organisation's name.")],
    kind: Annotated[str, typer.Option("--kind", help="Kind of member.")] = "medical_institution",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a home: keys, a consortium chain with one member, and a private chain for a medical institution."""
    chosen = read_kind(kind)
    check_text("--name", name)
    passphrase = read_passphrase(passphrase_file, confirm=True)
    with made_whole(home) as making:
        new = make_home(making, name, chosen, passphrase, random_bytes)
        chain = adopt(new, consortium_genesis([new], random_bytes), ALONE, random_bytes)
        _open_for_business(making, passphrase)
    data = {"home": str(home), "member": new.organisation.member, "node": new.organisation.node, "consortium": chain}
    lines = [
        f"Made {home} for {name} ({kind}).",
        f"  member      {new.organisation.member}",
        f"  consortium  {chain}",
        "Next: xinglin record intake --home HOME BUNDLE...",
    ]
    show(data, lines, as_json=as_json)


def _open_for_business(home: Path, passphrase: bytes) -> None:
    node = open_node(home, passphrase)
    try:
        node.start_own_chains()
        open_for_business([node], steward=node)
    finally:
        node.close()


def read_kind(text: str) -> MemberKind:
    """Return a kind of member by its name; raises KindUnknown."""
    try:
        return MemberKind[text.upper()]
    except KeyError:
        raise KindUnknown(kind=text[:40]) from None
