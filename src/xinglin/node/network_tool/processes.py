"""The process of a node: started apart from who asks for it, found again, stopped (S6.3b).

A process is known by its number and its time of start, so that a number that went to another process is nobody's node.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xinglin.carrier.consensus.comet.stale import stop_strays, strays
from xinglin.carrier.crypto.files import write_durably
from xinglin.node.network_tool.errors import NodeRemains
from xinglin.node.network_tool.folder import NetworkFolder, NetworkNode
from xinglin.node.network_tool.logs import tail
from xinglin.node.remote.local import serving_process

LOG_BYTES = 8 << 20
"""A log that is longer when its node starts goes aside, in the place of the one before."""
STOP_SECONDS = 30.0
"""How long a node may take to end before it is killed."""
_ENGINE_SECONDS = 5.0
_PID = "serve.pid"
_NUMBER_BYTES = 100


def start_process(node: NetworkNode, passphrase: Path) -> subprocess.Popen[bytes]:
    """Start the process of a node, which outlives this one; its log and its number lie in its home."""
    node.log_folder.mkdir(mode=0o700, exist_ok=True)
    if node.serve_log.exists() and node.serve_log.stat().st_size > LOG_BYTES:
        node.serve_log.replace(node.serve_log.with_suffix(".log.1"))
    command = [sys.executable, "-m", "xinglin", "serve", str(node.home)]
    environment = dict(os.environ)
    if "PYTHONPATH" in environment:  # it may say folders as seen from here
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(folder).resolve()) for folder in folders)
    log = os.open(node.serve_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603  (this program, with paths of the network's own)
            [*command, "--passphrase-file", str(passphrase), "--json"],
            cwd=node.log_folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)
    number = {"process": process.pid, "started": _started(process.pid)}
    write_durably(node.log_folder / _PID, json.dumps(number).encode())
    return process


def process_of(node: NetworkNode) -> int | None:
    """Return the process of a node, by its socket or, while it does not answer, by its number; None for none."""
    found = serving_process(node.home)
    if found is not None:
        return found
    try:
        with (node.log_folder / _PID).open("rb") as file:
            said = json.loads(file.read(_NUMBER_BYTES))
        process, started = int(said["process"]), str(said["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if started and _started(process) == started else None


def engines_of(node: NetworkNode, chain: str) -> list[int]:
    """Return the engine processes in a node's home; there should be one."""
    return strays(node.engine_folder(chain))


def stop_processes(network: NetworkFolder, nodes: Sequence[NetworkNode], seconds: float = STOP_SECONDS) -> list[str]:
    """Ask all to end, wait, kill who does not, then their engines if any is left; return the names of who ran.

    Raises:
        NodeRemains: one can't be stopped.
    """
    running = [(node, process) for node in nodes if (process := process_of(node)) is not None]
    handles = []
    try:
        for node, process in running:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(process)
                handles.append((node, process, handle))
                _send(node, process, handle, signal.SIGTERM)
        for node, process, handle in handles:
            if not _ended(handle, seconds):
                _send(node, process, handle, signal.SIGKILL)
            if not _ended(handle, seconds):
                raise NodeRemains(node=node.name, process=process, reason="it was killed and has not ended")
    finally:
        for _, _, handle in handles:
            os.close(handle)
    stopped = [node.name for node, _ in running]
    for node in nodes:
        left = stop_strays(node.engine_folder(network.chain), _ENGINE_SECONDS)
        if left and node.name not in stopped:
            stopped.append(node.name)
        (node.log_folder / _PID).unlink(missing_ok=True)
    return stopped


def last_said(node: NetworkNode) -> str:
    """Return what the process of a node said last: the sentence of a refusal, else the last line of its log."""
    for line in reversed(tail(node.serve_log, 20)):
        refusal = _refusal(line)
        if refusal or line.strip():
            return (refusal or line.strip())[:300].rstrip(".")
    return "-"


def _refusal(line: str) -> str:
    try:
        said: Any = json.loads(line)
        return str(said["error"]["sentence"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _send(node: NetworkNode, process: int, handle: int, which: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(handle, which)
    except ProcessLookupError:
        return
    except PermissionError:
        raise NodeRemains(node=node.name, process=process, reason="it belongs to another user") from None


def _ended(handle: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(int(seconds * 1000)))


def _started(process: int) -> str:
    """Return when a process started, in the system's ticks; empty for one that has ended."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # After the name in brackets, which may have any character: state is field 3, the time of start field 22.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
