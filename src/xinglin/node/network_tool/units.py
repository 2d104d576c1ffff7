"""The files beside an exported home: a systemd unit, a compose file with its image, and what to do with them. Pure."""

from __future__ import annotations

import sys
from dataclasses import dataclass

P2P_PORT, RPC_PORT, LISTEN_PORT, METRICS_PORT = 26_656, 26_657, 7_700, 7_701
UNIT, COMPOSE, IMAGE, IGNORE, README = (
    "xinglin-node.service", "compose.yaml", "Dockerfile", ".dockerignore", "README.md",
)  # fmt: skip
STATE = "/var/lib/xinglin"
"""Where home and passphrase lie on the node's host."""
PROGRAM, ENGINE = "/opt/xinglin/bin/xinglin", "/opt/xinglin/engine/cometbft"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A node on a host of its own: its name, its host as others reach it, and all nodes' hosts by name."""

    name: str
    host: str
    hosts: dict[str, str]


def unit_text(name: str) -> str:
    """Return a node's systemd unit: it may write its home alone, and gets the passphrase as a credential.

    Args:
        name: of the node, for people; one printable line.
    """
    return f"""\
# The node {name}: docs/guide/separate-hosts.md.
[Unit]
Description=Xinglin node {name.replace("%", "%%")}
Wants=network-online.target
After=network-online.target nss-lookup.target time-sync.target

[Service]
Type=exec
User=xinglin
Group=xinglin
UMask=0077
LoadCredential=passphrase:{STATE}/passphrase
Environment=XINGLIN_ENGINE={ENGINE}
ExecStart={PROGRAM} serve {STATE}/home --passphrase-file %d/passphrase
# SIGTERM goes to the node, which stops its engine in order.
KillMode=mixed
TimeoutStopSec=90
Restart=on-failure
RestartSec=5
LimitNOFILE=65536
ReadWritePaths={STATE}/home
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""


def compose_text(plan: HostPlan) -> str:
    """Return the compose file: one service with the same bounds."""
    return f"""\
# The node {plan.name}. See README.md.
services:
  node:
    build: .
    user: "10001:10001"
    command: ["serve", "{STATE}/home", "--passphrase-file", "/run/secrets/passphrase"]
    environment:
      XINGLIN_ENGINE: {ENGINE}
    secrets: [passphrase]
    volumes:
      - ./home:{STATE}/home
    ports:
      - "{P2P_PORT}:{P2P_PORT}"
      - "{LISTEN_PORT}:{LISTEN_PORT}"
    read_only: true
    tmpfs: [/tmp]
    init: true
    ulimits:
      nofile: 65536
    sysctls:
      net.ipv4.tcp_retries2: "5"
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 90s
    restart: unless-stopped
secrets:
  passphrase:
    file: ./passphrase
"""


def image_text() -> str:
    """Return what the compose file's image is built from: ``software``, made with this version of Python, beside it."""
    python = ".".join(map(str, sys.version_info[:2]))
    return f"""\
# The wheels in software/ were made for this version of Python.
FROM python:{python}-slim
RUN --mount=type=bind,source=software,target=/software \\
    pip install --no-cache-dir --no-index --find-links /software --require-hashes --requirement /software/run.txt && \\
    pip install --no-cache-dir --no-index --no-deps /software/xinglin-*.whl && \\
    install -D -m 0755 /software/cometbft {ENGINE} && \\
    useradd --uid 10001 --user-group --no-create-home xinglin
ENTRYPOINT ["xinglin"]
"""


def ignore_text() -> str:
    """Return what of the folder a build may see: the software, neither keys nor the passphrase."""
    return "*\n!software\n"


def readme_text(plan: HostPlan) -> str:
    """Return what to do with a package, in order."""
    return _about(plan) + _SYSTEMD + _COMMANDS + _CONTAINER


def _about(plan: HostPlan) -> str:
    rows = "\n".join(f"| {name} | {host}:{P2P_PORT} | {host}:{LISTEN_PORT} |" for name, host in plan.hosts.items())
    return f"""\
# The node {plan.name}

For the host `{plan.host}` alone. `home` has this member's keys and nobody else's; `passphrase` opens them and is of
this package alone. Never run a copy of this home anywhere else: its validator would sign twice, which is evidence
against its member.
The guide "Going to separate hosts" (docs/guide/separate-hosts.md) tells more; docs/guide/zh has it in Chinese.

## Nodes

| Node | Engine | Members and clients |
|---|---|---|
{rows}

## Before

- The firewall lets in what the guide says: TCP {P2P_PORT} from the other members' hosts, TCP {LISTEN_PORT} from members
  and clients, neither {METRICS_PORT} (metrics) nor {RPC_PORT} (the engine's RPC): these two are on loopback.
- The names above mean these hosts, on this host too.
- The clock is right to the second: an NTP client runs (chrony, systemd-timesyncd). Dead connections are given up soon
  (`net.ipv4.tcp_retries2 = 5`), as the guide says; a container has that from `compose.yaml`.
- `software/`, which the guide says how to make, lies beside this file, and `sha256sum -c SHA256SUMS` in it finds
  nothing wrong. It is for Python {".".join(map(str, sys.version_info[:2]))}, which has to be here, with its venv.

"""


_SYSTEMD = f"""\
## With systemd

As root, in the folder of this file:

```sh
umask 022
python3 -m venv /opt/xinglin
/opt/xinglin/bin/pip install --no-index --find-links software --require-hashes --requirement software/run.txt
/opt/xinglin/bin/pip install --no-index --no-deps software/xinglin-*.whl
install -D -m 0755 software/cometbft {ENGINE}
useradd --system --user-group --home-dir {STATE} --shell /usr/sbin/nologin xinglin
install -d -o xinglin -g xinglin -m 0700 {STATE}
cp -a home {STATE}/
chown -R xinglin: {STATE}/home
install -o root -g root -m 0600 passphrase {STATE}/passphrase
install -m 0644 {UNIT} /etc/systemd/system/
systemctl daemon-reload
systemctl enable --now {UNIT}
```

Then destroy this package, here and where it came from: `shred -u passphrase`, then `rm -r` on the rest.

"""
_COMMANDS = f"""\
## Commands

Give them as the node's user: what root writes into the home, the node can't open.

```sh
runuser -u xinglin -- {PROGRAM} ledger show --home {STATE}/home
runuser -u xinglin -- {PROGRAM} engine links --home {STATE}/home
```

Some ask for the passphrase; it is in `{STATE}/passphrase`. `systemctl status {UNIT}` and `journalctl -u {UNIT}` tell
what the node says, `{STATE}/home/engine/*/engine.log` what its engine says.

"""
_CONTAINER = f"""\
## With a container

Instead, as root in the folder of this file, with Docker and its compose plugin:

```sh
chown -R 10001:10001 home passphrase
docker compose up --build --detach
docker compose exec node xinglin ledger show --home {STATE}/home
```

Docker lets in what it publishes past the `input` chain of the host: let the members' hosts alone through in its chain
`DOCKER-USER`. The container asks the host's resolvers and does not see its `/etc/hosts`; names that are there alone go
into `compose.yaml` as `extra_hosts`. The image is built from `software/` alone: `.dockerignore` keeps keys out.

Metrics listen on loopback of the container; set `[listener] metrics` in `home/config.toml` and publish the port to the
monitoring network alone where you need them. `home` is then the only one: never copy it.
"""
