"""The compose file and its image say what the unit says, so that a node in a container is the one that is tried."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from xinglin.node.network_tool.exporting import with_places
from xinglin.node.network_tool.units import (
    ENGINE,
    LISTEN_PORT,
    P2P_PORT,
    PROGRAM,
    STATE,
    HostPlan,
    compose_text,
    ignore_text,
    image_text,
    readme_text,
    unit_text,
)

yaml: Any = pytest.importorskip("yaml")
PLAN = HostPlan("clinic", "clinic.example.org", {"clinic": "clinic.example.org"})
SECRET = "/run/secrets/passphrase"
"""Where compose puts a secret of that name."""

BOUNDS = {
    "UMask": None,  # a container's user alone sees the home, whose folder is 0700
    "CapabilityBoundingSet": ("cap_drop", ["ALL"]),
    "NoNewPrivileges": ("security_opt", ["no-new-privileges:true"]),
    "ProtectSystem": ("read_only", True),
    "PrivateTmp": ("tmpfs", ["/tmp"]),  # noqa: S108
    "LimitNOFILE": ("ulimits", {"nofile": 65536}),
    "TimeoutStopSec": ("stop_grace_period", "90s"),
    "Restart": ("restart", "unless-stopped"),
    "KillMode": ("init", True),  # SIGTERM goes to the node alone
}
"""What keeps a node in bounds: each setting of the unit, and what the compose file has for it."""
OF_CONTAINERS = {
    "PrivateDevices", "ProtectHome", "ProtectClock", "ProtectHostname", "ProtectKernelTunables",
    "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectProc", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "RemoveIPC",
    "SystemCallArchitectures", "SystemCallFilter",
}  # fmt: skip
"""What a container runtime has by itself: namespaces, its filter of system calls, masked /proc and /sys."""
OF_SYSTEMD = {"Type", "User", "Group", "LoadCredential", "Environment", "ExecStart", "RestartSec", "ReadWritePaths"}
"""What the other tests compare."""


def unit() -> dict[str, str]:
    """Return the section of the service."""
    section = unit_text(PLAN.name).partition("[Service]\n")[2].partition("\n[")[0]
    lines = [line for line in section.splitlines() if line and not line.startswith("#")]
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def compose() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the one service, and the secrets."""
    found = yaml.safe_load(compose_text(PLAN))
    assert set(found) == {"services", "secrets"}
    [service] = found["services"].values()
    return service, found["secrets"]


def test_both_run_one_command_on_one_home() -> None:
    service, secrets = compose()
    program, *words = shlex.split(unit()["ExecStart"])
    assert program == PROGRAM
    assert service["command"] == [SECRET if word == "%d/passphrase" else word for word in words]
    assert f'ENTRYPOINT ["{PROGRAM.rpartition("/")[2]}"]' in image_text()
    assert service["secrets"] == ["passphrase"]
    assert secrets == {"passphrase": {"file": "./passphrase"}}
    assert unit()["LoadCredential"] == f"passphrase:{STATE}/passphrase"
    # What the unit may write is what the container has of the host's disk.
    assert service["volumes"] == [f"./home:{unit()['ReadWritePaths']}"]
    assert words[1] == unit()["ReadWritePaths"] == f"{STATE}/home"


def test_both_have_the_engine_in_one_place() -> None:
    service, _ = compose()
    assert [f"{name}={value}" for name, value in service["environment"].items()] == [unit()["Environment"]]
    assert f"install -D -m 0755 /software/cometbft {ENGINE}" in image_text()
    assert f"install -D -m 0755 software/cometbft {ENGINE}" in readme_text(PLAN)


def test_a_user_of_its_own_runs_either() -> None:
    service, _ = compose()
    user, _, group = service["user"].partition(":")
    assert user == group
    assert int(user) > 0
    assert f"useradd --uid {user} --user-group --no-create-home {unit()['User']}" in image_text()
    assert unit()["Group"] == unit()["User"]
    readme = readme_text(PLAN)
    assert f"chown -R {user}:{group} home passphrase" in readme
    assert f"useradd --system --user-group --home-dir {STATE} --shell /usr/sbin/nologin {unit()['User']}" in readme


def test_each_bound_of_the_unit_is_one_of_the_container() -> None:
    service, _ = compose()
    for setting, bound in BOUNDS.items():
        assert setting in unit(), setting
        if bound is not None:
            name, value = bound
            assert service[name] == value, setting
    assert unit()["TimeoutStopSec"] + "s" == service["stop_grace_period"]
    assert int(unit()["LimitNOFILE"]) == service["ulimits"]["nofile"]
    assert set(unit()) == {*BOUNDS, *OF_CONTAINERS, *OF_SYSTEMD}


def test_the_container_has_nothing_that_the_unit_has_not() -> None:
    service, _ = compose()
    assert set(service) == {
        "build", "user", "command", "environment", "secrets", "volumes", "ports", "sysctls",
        *(one[0] for one in BOUNDS.values() if one is not None),
    }  # fmt: skip
    # The page has hosts set it; within a container's network they can't.
    assert service["sysctls"] == {"net.ipv4.tcp_retries2": "5"}


def test_ports_that_are_published_are_those_that_the_home_opens_to_others() -> None:
    service, _ = compose()
    settings = with_places("[engine]\n[listener]\n", PLAN.host, [])
    opened = re.findall(r'"0\.0\.0\.0:([0-9]+)"', settings)
    assert opened == [str(P2P_PORT), str(LISTEN_PORT)]
    assert service["ports"] == [f"{port}:{port}" for port in opened]


def test_both_install_the_same_software_from_nowhere_else() -> None:
    def installs(text: str, folder: str) -> list[list[str]]:
        found = re.findall(r"pip install ([^\n&]*)", text.replace("\\\n", " "))
        return [
            [word.replace(folder, "software") for word in line.split() if word != "--no-cache-dir"] for line in found
        ]

    system = readme_text(PLAN).partition("## With systemd")[2].partition("\n## ")[0]
    assert installs(image_text(), "/software") == installs(system, "software")
    assert len(installs(system, "software")) == 2


def test_a_build_sees_neither_keys_nor_the_passphrase() -> None:
    assert compose()[0]["build"] == "."
    assert ignore_text().splitlines() == ["*", "!software"]
