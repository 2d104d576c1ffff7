"""The access chain of a home: logging entries, and the projection that finds them (H4, H14, S8.6b)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xinglin.kernel.errors import PlatformError
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.service.basic.audit.errors import TraceDiffers
from xinglin.service.basic.audit.log import AccessLog
from xinglin.service.basic.audit.projecting import differs, rebuild
from xinglin.service.basic.audit.projection import AccessProjection
from xinglin.service.basic.audit.trace_store import FILE


@contextmanager
def access_log(node: Node) -> Iterator[AccessLog]:
    """Give the access log of a home whose private chain runs; what was handed in is committed at the end.

    Raises:
        NoPrivateChain: this home has none.
    """
    log = AccessLog(node.client(node.private_ledger()), node.signer(SERVICE))
    try:
        yield log
    finally:
        log.close()


@contextmanager
def open_trace(node: Node) -> Iterator[AccessProjection]:
    """Give the projection of a home's access chain, made if there is none.

    Raises:
        NoPrivateChain: this home has none.
        DatabaseDamaged, StorageVersionUnknown: it can't be read; ``rebuild_trace`` makes it again.
    """
    trace = AccessProjection(node.home.projections, node.private_ledger())
    try:
        yield trace
    finally:
        trace.close()


def rebuild_trace(node: Node) -> dict[str, int]:
    """Make the projection again and return how the old one differed: rows by table, nothing when it was equal."""
    return rebuild(node.home.projections, node.private_ledger())


def trace_findings(node: Node) -> Iterator[PlatformError]:
    """Yield how a home's projection differs from its private chain; nothing where there is none."""
    if node.private is None or not (node.home.projections / FILE).exists():
        return
    try:
        with tempfile.TemporaryDirectory(prefix="xinglin-verify-") as scratch:
            found = differs(node.home.projections, node.private, Path(scratch))
        yield from (TraceDiffers(table=table, rows=rows) for table, rows in found.items())
    except PlatformError as damage:
        yield damage
