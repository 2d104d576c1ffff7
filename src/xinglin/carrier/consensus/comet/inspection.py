"""The blocks of an engine that does not run: its own ``inspect`` command serves them for as long as they are looked at.

It makes no block, speaks to no peer and needs no application.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from xinglin.carrier.consensus.comet.errors import EngineNotReady, EngineRefused, EngineUnreachable
from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.consensus.comet.rpc import EngineRpc, Held
from xinglin.kernel.errors import PlatformError

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_MAX_SAID = 4096


class InspectedEngine(EngineRpc):
    """Calls to an engine that is inspected: it answers what it has stored, and nothing of itself."""

    def held(self) -> Held:
        """See ``EngineRpc.held``; the oldest height is sought, as its blocks go from there without a gap."""
        newest = self._read("header", self.call("header"), _chain_and_height)
        low, high = 1, newest[1]
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._has(middle) else (middle + 1, high)
        return Held(newest[0], low, newest[1])

    def _has(self, height: int) -> bool:
        try:
            self.call("header", height=str(height))
        except EngineRefused:
            return False
        return True


@contextmanager
def inspecting(home: EngineHome, binary: Path, address: str) -> Iterator[InspectedEngine | None]:
    """Serve the blocks of an engine's home until the block ends; None where there are none yet.

    Args:
        home: its folder; no engine runs there.
        binary: as ``find_engine`` returns it.
        address: ``host:port`` on loopback, of its settings.

    Raises:
        EngineNotReady: its data can't be opened, or the port is another's.
    """
    if not home.config.exists() or not (home.signing_state.parent / "blockstore.db").exists():
        yield None
        return
    command = [str(binary), "inspect", "--home", str(home.folder), "--rpc.laddr", f"tcp://{address}"]
    with tempfile.TemporaryFile() as said, InspectedEngine(address) as rpc:
        child = subprocess.Popen(  # noqa: S603  (the binary whose version was checked)
            command,
            cwd=home.folder,
            env={"PATH": os.defpath, "HOME": str(home.folder)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(child, rpc, home, said)
            yield rpc
        finally:
            _end(child)


def _await(child: subprocess.Popen[bytes], rpc: InspectedEngine, home: EngineHome, said: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        try:
            rpc.call("header")
        except EngineUnreachable:
            time.sleep(_LOOK_SECONDS)
        except PlatformError:  # it answers that it has no block
            return
        else:
            if child.poll() is None:
                return
    status = child.poll()
    said.seek(0)
    lines = said.read(_MAX_SAID).decode(errors="replace").strip().splitlines()
    raise EngineNotReady(
        home=str(home.folder),
        seconds=round(_START_SECONDS),
        status="-" if status is None else status,
        log=(lines[-1] if lines else "-")[:300].rstrip("."),
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _chain_and_height(answer: Any) -> tuple[str, int]:
    header = answer["header"]
    return str(header["chain_id"]), int(header["height"])
