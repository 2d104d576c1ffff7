"""``python -m tests.network.hosts``: what operators of several hospitals do with the guides, on hosts of their own."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.network.hosts.founding import found
from tests.network.hosts.joining import join, lose
from tests.network.hosts.machine import missing
from tests.network.hosts.power import power_cut
from tests.network.hosts.running import cut, firewall, forget_names, look, move, restart, start
from tests.network.hosts.tls import encrypt
from tests.network.hosts.trial import Trial


def main(arguments: list[str]) -> int:
    """Play the chapters that are asked for; the first two always."""
    parser = argparse.ArgumentParser(prog="python -m tests.network.hosts", description=__doc__)
    chapters = ("firewall", "restart", "power", "cut", "names", "move", "join", "lose", "tls")
    parser.add_argument("--only", choices=chapters, action="append", help="this chapter; may be repeated; else all")
    parser.add_argument("--cut", type=float, default=120.0, help="for how many seconds a host is cut off")
    parser.add_argument("--folder", type=Path, default="/var/tmp", help="for hosts and packages, on a real disk")  # noqa: S108
    parser.add_argument("--software", type=Path, help="use what the page's first step made before")
    parser.add_argument("--hold", action="store_true", help="when it fails, wait for Enter before all is taken away")
    told = parser.parse_args(arguments)
    lacking = missing()
    if lacking:
        print(f"skipped: {lacking}")
        return 0
    chosen = told.only or chapters
    with tempfile.TemporaryDirectory(prefix="xinglin-hosts-", dir=told.folder) as scratch:
        trial = Trial(Path(scratch), told.software)
        try:
            play(trial, chosen, told.cut)
        except BaseException as fault:
            trial.tell(f"FAILS: {fault}")
            if told.hold:
                input(f"in {scratch}; Enter takes all away")
            raise
        finally:
            trial.wire.close()
        trial.tell("holds")
    return 0


def play(trial: Trial, chosen: list[str] | tuple[str, ...], seconds: float) -> None:
    """Play chapters in order."""
    hosts = found(trial)
    start(trial, hosts)
    founders = list(hosts.values())
    if "firewall" in chosen:
        firewall(trial, hosts)
    else:
        look(trial, hosts)
    if "restart" in chosen:
        restart(trial, hosts["hospital-b"], hosts["hospital-a"])
    if "power" in chosen:
        power_cut(trial, founders)
    if "cut" in chosen:
        cut(trial, hosts["regulator"], seconds)
    if "names" in chosen:
        forget_names(trial, founders)
    if "lose" in chosen:
        hosts["hospital-a"] = lose(trial, hosts["hospital-a"], founders[1:], with_chain=True)
        founders = list(hosts.values())
        hosts["regulator"] = lose(trial, hosts["regulator"], [hosts["hospital-a"], *founders[1:3]], with_chain=False)
        founders = list(hosts.values())
    if "join" in chosen:
        fifth = join(trial, "clinic", founders)
        join(trial, "lab", [*founders, fifth], package=True)
    if "move" in chosen:
        everybody = trial.hosts()
        move(trial, hosts["platform"], [one for one in everybody if one is not hosts["platform"]])
    if "tls" in chosen:
        encrypt(trial, trial.hosts())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
