"""The files beside an exported home: a systemd unit, a compose file with its image, and what to do with them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.carrier.consensus.comet.binary import VERSION

P2P_PORT, RPC_PORT, LISTEN_PORT, METRICS_PORT = 26_656, 26_657, 7_700, 7_701
UNIT, COMPOSE, IMAGE, README = "xinglin-node.service", "compose.yaml", "Dockerfile", "README.md"
STATE = "/var/lib/xinglin"
"""Where home and passphrase lie on the node's host."""
PROGRAM, ENGINE = "/opt/xinglin/bin/xinglin", "/opt/xinglin/engine/cometbft"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A node on a host of its own: its name, its host as others reach it, and all nodes' hosts by name."""

    name: str
    host: str
    hosts: dict[str, str]


def unit_text(plan: HostPlan) -> str:
    """Return the systemd unit: the node may write its home alone, and gets the passphrase as a credential."""
    return f"""\
# The node {plan.name}. See README.md.
[Unit]
Description=Xinglin node {plan.name}
Wants=network-online.target
After=network-online.target time-sync.target

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
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 90s
    restart: unless-stopped
secrets:
  passphrase:
    file: ./passphrase
"""


def image_text() -> str:
    """Return what the compose file's image is built from: a wheel of this version and the engine, put beside it."""
    return f"""\
FROM python:3.12-slim
COPY xinglin-*.whl /tmp/
RUN pip install --no-cache-dir /tmp/xinglin-*.whl && rm /tmp/xinglin-*.whl
COPY --chmod=0755 cometbft {ENGINE}
RUN useradd --uid 10001 --user-group --no-create-home xinglin
ENTRYPOINT ["xinglin"]
"""


def readme_text(plan: HostPlan) -> str:
    """Return what to do with a package."""
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

A member whose address changes later says so while its node runs:
`xinglin member set-peer HOST:PORT --home {STATE}/home`. In `home/config.toml` the other members change
`[listener] members`.

## Firewall

| Port | Whom to let in |
|---|---|
| TCP {P2P_PORT} | the other members' hosts; engines that the registry does not have are refused besides |
| TCP {LISTEN_PORT} | members and clients |
| TCP {METRICS_PORT} | nobody: Prometheus on this host (loopback) |
| TCP {RPC_PORT} | nobody: the node alone asks it (loopback) |

Clocks have to be right to the second: run an NTP client (chrony, systemd-timesyncd).

## With systemd

1. Install Xinglin into /opt/xinglin (`python3 -m venv /opt/xinglin`, then pip) and CometBFT {VERSION} as {ENGINE}
   (`xinglin engine install` builds it; `xinglin engine status` says where it is).
2. `useradd --system --home-dir {STATE} --shell /usr/sbin/nologin xinglin`
3. `install -d -o xinglin -g xinglin -m 0700 {STATE}`, then `cp -a home {STATE}/` and `chown -R xinglin: {STATE}/home`
4. `install -o root -g root -m 0600 passphrase {STATE}/passphrase`
5. `cp {UNIT} /etc/systemd/system/`, `systemctl daemon-reload`, `systemctl enable --now {UNIT}`
6. Destroy this package: `shred -u passphrase`, then remove it here and where it came from.

## With a container

Put a wheel of Xinglin (`xinglin-*.whl`) and the engine (`cometbft`) beside this file, `chown -R 10001:10001 home
passphrase`, then `docker compose up --build -d`.
Metrics listen on loopback of the container; set `[listener] metrics` in `home/config.toml` and publish the port to the
monitoring network alone where you need them.
"""
