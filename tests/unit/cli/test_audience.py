"""``xinglin audience``: three homes that keep a chain; its steward is suspended and the others go on without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.product import CHEAP, PASSPHRASE, opened, xinglin
from xinglin.node.chains import random_bytes
from xinglin.node.opening import TransmissionKeyMissing, open_for_business, transmission_key
from xinglin.node.setup import GROUP, adopt, consortium_genesis, make_home
from xinglin.node.site import open_site
from xinglin.stakeholders.kinds import MemberKind

KINDS = {
    "platform": MemberKind.TECHNOLOGY_PROVIDER,
    "insurer": MemberKind.DATA_USER,
    "regulator": MemberKind.REGULATOR,
}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Make three homes, the platform the steward of their audience."""
    homes = [make_home(tmp_path / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    genesis = consortium_genesis(homes, random_bytes)
    for new in homes:
        adopt(new, genesis, GROUP, random_bytes)
    with open_site([tmp_path / name for name in KINDS], PASSPHRASE) as site:
        open_for_business(site.nodes, site.nodes[0])
    return tmp_path


def said(folder: Path, noun: str, verb: str, home: str, *arguments: str) -> Any:
    """Run a command at one home, all being open; return what it says."""
    others = [part for name in KINDS if name != home for part in ("--with", folder / name)]
    return xinglin(noun, verb, "--home", folder / home, *arguments, *others, "--json").json


def code(folder: Path, home: str, *arguments: str) -> str:
    """Return the code by which issuing is refused."""
    return str(said(folder, "audience", "issue", home, *arguments)["error"]["code"])


def shown(folder: Path) -> Any:
    """Return the one audience as it is shown."""
    (one,) = xinglin("audience", "show", "--home", folder / "regulator", "--json").json["audiences"]
    return one


def key_of(folder: Path, home: str, number: int | None = None) -> bytes:
    """Return the transmission key that a home opens."""
    with opened(folder / home) as node:
        return transmission_key(node, "treatment", number).key


@pytest.mark.requirement("H5", part="a suspended steward of an audience gets no new key, and the others do")
def test_a_suspended_steward_holds_nothing_up(three: Path) -> None:
    ids = {}
    for name in KINDS:
        with opened(three / name) as node:
            ids[name] = (node.member, node.settings.node)
    assert code(three, "regulator") == "audience.not_steward"
    assert said(three, "audience", "issue", "platform")["number"] == 2
    old = key_of(three, "insurer")

    proposal = said(three, "member", "propose", "regulator", "--suspend", ids["platform"][0])["proposal"]
    for name in ("regulator", "insurer"):
        said(three, "member", "vote", name, proposal)
    assert code(three, "platform") == "signer.ended"
    assert code(three, "insurer") == "policy.kind"  # it only receives
    issued = said(three, "audience", "issue", "regulator")
    assert (issued["number"], issued["left"]) == (3, [ids["platform"][1]])
    row = shown(three)
    assert (row["steward"], row["number"]) == (ids["platform"][0], 3)
    assert {one["node"] for one in row["nodes"]} == {ids["insurer"][1], ids["regulator"][1]}
    assert key_of(three, "insurer") == key_of(three, "regulator") != old
    with pytest.raises(TransmissionKeyMissing):
        key_of(three, "platform")
    assert key_of(three, "platform", 2) == old  # records of before stay readable


def test_nodes_are_added_and_left_out_and_a_stranger_is_refused(three: Path) -> None:
    with opened(three / "insurer") as node:
        insurer = node.settings.node
    assert said(three, "audience", "issue", "platform", "--without", insurer)["left"] == [insurer]
    assert [one["node"] for one in shown(three)["without"]] == [insurer]
    assert code(three, "platform", "--add", "a" * 26) == "audience.node"
    assert code(three, "platform", "--audience", "nobodys") == "audience.unknown"
    assert shown(three)["number"] == 2
    assert insurer in said(three, "audience", "issue", "platform", "--add", insurer)["nodes"]
    assert key_of(three, "insurer") == key_of(three, "platform")
