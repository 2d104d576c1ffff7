"""Third chapter: members join from hosts of their own; a host is lost and its node is rebuilt from a backup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.network.hosts.founding import put_transactions
from tests.network.hosts.machine import Host, blocks
from tests.network.hosts.running import firewall_again, healthy, prepare
from tests.network.hosts.trial import AGAIN, HOME, PROMPT, RUN, Trial, word
from xinglin.node.network_tool.units import HostPlan, readme_text

LIB = "/var/lib/xinglin"


def programs(trial: Trial, name: str, number: int = 0) -> Host:
    """Return a new host with the program and the user, as the page says for a member that joins later."""
    host = trial.new_host(name, number)
    prepare(trial, host)
    commands = blocks(readme_text(HostPlan(name, name, {})), "With systemd")[0]
    host.sh("".join(commands.splitlines(keepends=True)[:5]), folder="/srv/package")
    host.sh(trial.page("separate-hosts.md", "7. A member that joins later")[0])
    return host


def join(trial: Trial, name: str, members: Sequence[Host], *, package: bool = False) -> Host:
    """Let a host's institution apply, be voted in and join; its node begins at genesis or with a recovery package."""
    host = programs(trial, name)
    passphrase = [(PROMPT, trial.passphrase(host))]
    _, apply, joining = trial.page("separate-hosts.md", "7. A member that joins later")
    chain = trial.said(members[0], "ledger show")["chains"][0]["chain"]
    host.write(f"{LIB}/licence.pdf", "a licence\n")
    host.sh(f"chown xinglin: {LIB}/licence.pdf")
    host.typed(named(word(apply, CHAIN=chain), name), [*passphrase, (AGAIN, passphrase[0][1])])
    carry(host, f"{LIB}/clinic.request", members)
    carry(host, f"{LIB}/licence.pdf", members)
    admit(trial, members)
    inviting = f"{RUN} member invite --home {HOME} --out {LIB}/chain.kit"
    members[0].typed(inviting, [(PROMPT, trial.passphrase(members[0]))])
    carry(members[0], f"{LIB}/chain.kit", [host])
    first, _, rest = named(joining, name).partition("/opt/xinglin/bin/xinglin network unit")
    host.typed(first, passphrase)
    if package:
        begin_with_package(trial, host, members[0])
    host.sh(f"/opt/xinglin/bin/xinglin network unit{rest}")
    took = trial.level(host, members[0], 300)
    trial.tell(f"{name} joined {'with a package' if package else 'from genesis'}: level in {took:.1f} s")
    add_members(trial, host, members)
    trial.agree(host, *members)
    return host


def named(script: str, name: str) -> str:
    """Return commands of the page for an applicant of another name."""
    script = script.replace("clinic", name).replace("Lakeside Clinic", f"The {name}")
    return script.replace(f"{name}.request", "clinic.request")


def carry(source: Host, path: str, targets: Sequence[Host]) -> None:
    """Bring a file to hosts, where the node's user may read it."""
    for host in targets:
        held = source.wire.folder / "carried"
        held.unlink(missing_ok=True)
        source.get(path, held)
        host.sh(f"rm -f {path}")
        host.put(held, path)
        host.sh(f"chown xinglin: {path}")


def admit(trial: Trial, members: Sequence[Host]) -> None:
    """Let members review, propose and vote until the proposal has passed."""
    request = f"{LIB}/clinic.request"
    for host in members:
        host.sh(f"{RUN} member review {request} --evidence {LIB}/licence.pdf")
    ask = [(PROMPT, trial.passphrase(members[0]))]
    members[0].typed(f"{RUN} member propose --home {HOME} {request} --ahead 100", ask)
    [proposal] = [one["proposal"] for one in trial.said(members[1], "member proposals")["proposals"]]
    for host in members:
        voting = f"{RUN} member vote --home {HOME} {proposal} --evidence {request} --json"
        typed = host.typed(voting, [(PROMPT, trial.passphrase(host))])
        if json.loads(typed.out.strip().splitlines()[-1])["passed"]:
            return
    raise AssertionError("the proposal has not passed")


def begin_with_package(trial: Trial, host: Host, other: Host) -> None:
    """Begin a home at the newest cosigned height, by a package that another member writes."""
    other.sh(f"rm -f {LIB}/recovery.tar && {RUN} ledger package --home {HOME} --out {LIB}/recovery.tar")
    carry(other, f"{LIB}/recovery.tar", [host])
    said = trial.said(host, f"ledger rebuild --package {LIB}/recovery.tar")
    assert said["height"] > 0, said


def add_members(trial: Trial, host: Host, members: Sequence[Host]) -> None:
    """Let all members ask one another for cosignatures, as the page says, one after the other."""
    everybody = [*members, host]
    for one in everybody:
        others = [f"{two.called}:7700" for two in everybody if two is not one]
        one.sh(f"sed -i 's|^members = .*|members = {json.dumps(others)}|' {HOME}/config.toml")
        one.sh("systemctl restart xinglin-node")
        trial.wait(f"{one.name} is back", lambda one=one: trial.height(one) > 0)
        trial.grows(everybody[0] if one is not everybody[0] else everybody[1], 120)
    for one in everybody:
        trial.wait(f"links of {one.name}", lambda one=one: healthy(trial, one, len(members)), 120)
    host.sh(f"{RUN} member contributions --home {HOME} --blocks 10")
    trial.tell(f"{host.name} is linked; a quorum of cosignatures in {trial.cosigned(*everybody):.1f} s")


def lose(trial: Trial, host: Host, others: Sequence[Host], *, with_chain: bool) -> Host:
    """Back a host up, lose it, and rebuild its node on a fresh one; with the chain of the backup or without."""
    [commands] = trial.page("separate-hosts.md", "9. Back up")
    host.sh(commands)
    trial.wait("it is back", lambda: trial.height(host) > 0)
    kept: list[Path] = []
    for name in ("keys.tar", "content.tar"):
        kept.append(trial.folder / f"{host.name}.{name}")
        host.get(f"/var/backups/{name}", kept[-1])
    passphrase = trial.passphrase(host)
    put_transactions(others[0], HOME, 10, "xinglin")
    host.remove()
    del trial.wire.hosts[host.name]
    host.root.rename(host.root.with_name(f"{host.name}.lost"))
    trial.grows(others[0])
    fresh = programs(trial, host.name, host.number)
    firewall_again(fresh)
    for path, name in zip(kept, ("keys.tar", "content.tar"), strict=True):
        fresh.put(path, f"/var/backups/{name}")
    restore, rebuild = trial.page("lost-node.md", "The machine is gone")
    fresh.write(f"{LIB}/passphrase", passphrase + "\n")
    fresh.typed(named(word(restore, OTHER=others[0].called), "x"), [(PROMPT, passphrase)])
    if not with_chain:
        fresh.sh(rebuild)
    fresh.sh("systemctl start xinglin-node")
    took = trial.level(fresh, others[0], 300)
    trial.wait("its links", lambda: healthy(trial, fresh, len(others)), 120)
    trial.agree()
    trial.tell(f"{host.name} lost and rebuilt: level in {took:.1f} s")
    return fresh
