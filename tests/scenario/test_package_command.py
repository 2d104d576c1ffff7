"""The command by which a running node writes a recovery package (S9.1, S6.3b)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, write_passphrase, xinglin
from tests.support.served import raw, request, serving
from tests.support.waiting import PATIENCE
from xinglin.node.chains import random_bytes, rules_of
from xinglin.node.consortium.fetching import fetch_package
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.consortium.package import open_package
from xinglin.node.consortium.sharing import PackageGone
from xinglin.node.founding import SERVICE
from xinglin.node.remote.forms import PREFIX
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind

pytestmark = needs_engine


@pytest.mark.requirement("S9.1", part="a running node gives what another needs to begin at a height")
def test_a_running_node_writes_a_package_once_a_height_is_cosigned(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "package"
    kind = MemberKind.TECHNOLOGY_PROVIDER
    genesis = found_network(
        [make_home(home, "platform", kind, PASSPHRASE, random_bytes, CHEAP)],
        local_places(1, free_ports(3)),
        random_bytes,
    )
    write_passphrase(tmp_path)
    assert xinglin("ledger", "package", "--home", home, "--out", out).code.startswith("node.")
    with serving(home) as served:
        deadline, height = time.monotonic() + PATIENCE, 0
        while height == 0 and time.monotonic() < deadline:  # height 0 is cosigned as well, but no engine begins there
            cosigned = xinglin("proof", "checkpoint", "--home", home, "--json")
            assert cosigned.status == 0, cosigned.err
            height = cosigned.json["height"]
        said = xinglin("ledger", "package", "--home", home, "--out", out, "--json")
        assert said.status == 0, said.err
        assert xinglin("ledger", "package", "--home", home, "--out", out).code == "file.unusable"
        assert raw(served.members, request("GET", f"{PREFIX}/package")).code == "request.unsigned"
        giver, fetched = served.member(served.signer(SERVICE)), tmp_path / "fetched"
        offered = fetch_package(giver, served.members, fetched)
        assert giver.package() == offered, "it is made once"
        assert offered.bytes == fetched.stat().st_size
        with pytest.raises(PackageGone):
            giver.package_part(offered.height + 1, 0)
        storage = xinglin("ledger", "storage", "--home", home, "--json").json
    assert storage["chains"][0]["engine"] > 0
    assert (out.stat().st_size, out.stat().st_mode & 0o077) == (said.json["bytes"], 0)
    for file, height in ((out, said.json["height"]), (fetched, offered.height)):
        with open_package(file) as package:
            package.check(rules_of(genesis), None)
            assert package.note.head.height == height > 0
            assert len(list(package.chunks())) > 0
