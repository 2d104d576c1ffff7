"""What stands in a package: hosts, settings, the unit, the compose file."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from xinglin.node.network_tool.errors import AddressInvalid, NetworkLeft
from xinglin.node.network_tool.exporting import check_hosts, export_network, with_places
from xinglin.node.network_tool.folder import NetworkFolder, NetworkNode
from xinglin.node.network_tool.units import (
    ENGINE,
    PROGRAM,
    HostPlan,
    compose_text,
    image_text,
    readme_text,
    unit_text,
)

yaml: Any = pytest.importorskip("yaml")
PLAN = HostPlan("clinic", "clinic.example.org", {"clinic": "clinic.example.org", "board": "192.0.2.7"})
CONFIG = """\
# Settings
name = "Clinic"

[engine]
p2p_listen = "127.0.0.1:1"
rpc_listen = "127.0.0.1:2"
timeout_commit_ms = 250

[listener] # of the node
listen = "127.0.0.1:3"
requests = 9

[retention]
types = { Immunization = 50 }
"""


def network(path: Path) -> NetworkFolder:
    nodes = (NetworkNode(name, path / name, "a" * 26, "b" * 26, True, "", "", "", "") for name in ("clinic", "board"))
    return NetworkFolder(path, "c" + "a" * 26, tuple(nodes))


HOSTS = {
    "one is missing": {"clinic": "a.example.org"},
    "of no node": {"clinic": "a.example.org", "board": "b.example.org", "other": "c.example.org"},
    "no host": {"clinic": "a.example.org", "board": "b example"},
    "with a port": {"clinic": "a.example.org", "board": "b.example.org:1"},
    "empty": {"clinic": "a.example.org", "board": ""},
    "one for two": {"clinic": "a.example.org", "board": "A.example.org"},
}


@pytest.mark.parametrize("case", HOSTS)
def test_hosts_that_are_not_one_for_each_node_are_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(AddressInvalid):
        check_hosts(network(tmp_path), HOSTS[case])
    check_hosts(network(tmp_path), PLAN.hosts)


def test_a_network_is_exported_once(tmp_path: Path) -> None:
    (tmp_path / "exported").write_text("/there\n")
    with pytest.raises(NetworkLeft):
        export_network(network(tmp_path), tmp_path / "to", PLAN.hosts, lambda _: None)
    assert not (tmp_path / "to").exists()
    assert (tmp_path / "exported").exists()


def test_settings_get_the_hosts_places_and_keep_the_rest() -> None:
    found = tomllib.loads(with_places(CONFIG, "clinic.example.org", ["192.0.2.7:7700"]))
    assert found["engine"] == {
        "p2p_listen": "0.0.0.0:26656",
        "rpc_listen": "127.0.0.1:26657",
        "external_address": "clinic.example.org:26656",
        "timeout_commit_ms": 250,
    }
    assert found["listener"] == {
        "listen": "0.0.0.0:7700",
        "metrics": "127.0.0.1:7701",
        "members": ["192.0.2.7:7700"],
        "requests": 9,
    }
    assert found["retention"] == {"types": {"Immunization": 50}}
    assert found["name"] == "Clinic"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "xinglin-node.service"

    def verify(text: str) -> subprocess.CompletedProcess[str]:
        unit.write_text(text.replace(PROGRAM, "/bin/true"))
        return subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    done = verify(unit_text(PLAN.name))
    assert (done.returncode, done.stderr) == (0, "")
    assert verify(unit_text(PLAN.name).replace("ProtectSystem", "ProtectSytem")).stderr


def test_the_unit_holds_the_node_in_bounds() -> None:
    lines = unit_text(PLAN.name).splitlines()
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "User=xinglin", "ReadWritePaths=/var/lib/xinglin/home"):
        assert line in lines
    assert "LoadCredential=passphrase:/var/lib/xinglin/passphrase" in lines


def test_the_compose_file_is_one_service_in_bounds() -> None:
    found = yaml.safe_load(compose_text(PLAN))
    [service] = found["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["26656:26656", "7700:7700"]
    assert service["environment"] == {"XINGLIN_ENGINE": ENGINE}
    assert found["secrets"]["passphrase"]["file"] == "./passphrase"
    assert f"/software/cometbft {ENGINE}" in image_text()


def test_the_page_names_all_hosts_and_ports() -> None:
    text = readme_text(PLAN)
    assert "| board | 192.0.2.7:26656 | 192.0.2.7:7700 |" in text
    for port in ("26656", "26657", "7700", "7701"):
        assert port in text
