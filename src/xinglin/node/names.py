"""What the host names of peers mean now: an engine looks them up when it starts, and never again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress


def meanings(hosts: Sequence[str], seconds: float) -> Mapping[str, frozenset[str]]:
    """Return the addresses that host names mean; a name that means none, or not in time, is left out.

    Args:
        hosts: names or addresses; IPv6 addresses in brackets.
        seconds: how long all are waited for together: a resolver may take minutes.
    """
    found: dict[str, frozenset[str]] = {}

    def look_up(host: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it can be no name
            said = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
            found[host] = frozenset(str(one[4][0]) for one in said)

    threads = [threading.Thread(target=look_up, args=(host,), daemon=True) for host in dict.fromkeys(hosts)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)
