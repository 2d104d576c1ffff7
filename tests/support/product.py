"""Whole homes for tests of the product, and its commands: run in this process, or in one of their own.

A home is made as ``xinglin init`` makes it, but for a passphrase that costs little to try: each command tries it anew.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import SHARED
from xinglin.carrier.crypto.keystore import Stretching
from xinglin.carrier.ledger.recheck import Finding
from xinglin.cli.app import run
from xinglin.cli.demo.cohort import write_cohort
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.home import Home
from xinglin.node.node import Node, open_node
from xinglin.node.office.accounts import add_account
from xinglin.node.opening import open_for_business
from xinglin.node.records.archive import Archive, open_archive
from xinglin.node.setup import ALONE, adopt, consortium_genesis, make_home
from xinglin.node.verify import ChainVerdict, chain_verdict, verify_home
from xinglin.node.verify_child import look_at
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import MemberKind, Role

PASSPHRASE = b"a passphrase of tests"
CHEAP = Stretching(log_n=10, r=1, p=1)
FRESH = "\n[freshness]\nstale_seconds = 600.0\n"
"""Lines of a settings file: a machine that stood still, or a chain without a heartbeat, has no block of now."""
SYNTHEA = SHARED / "data" / "fhir" / "synthea_smart2019"
REPOSITORY = Path(__file__).resolve().parents[2]


def make_hospital(path: Path, name: str = "Riverside Hospital") -> Path:
    """Make a medical institution's home, open for business."""
    new = make_home(path, name, MemberKind.MEDICAL_INSTITUTION, PASSPHRASE, random_bytes, CHEAP)
    adopt(new, consortium_genesis([new], random_bytes), ALONE, random_bytes)
    with opened(path, running=True) as node:
        open_for_business([node], steward=node)
    return path


@contextmanager
def opened(path: Path, *, running: bool = False) -> Iterator[Node]:
    """Open a home and close it after; ``running`` starts its chains."""
    node = open_node(path, PASSPHRASE)
    try:
        if running:
            node.start_own_chains()
        yield node
    finally:
        node.close()


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """Open a home and its records for reading."""
    with opened(path) as node, open_archive(node, writing=False) as archive:
        yield archive


def findings(home: Path) -> list[Finding]:
    """Return what ``ledger verify`` finds, told without a process for each chain."""

    def check_here(home: Home, chain: str) -> ChainVerdict:
        with tempfile.TemporaryDirectory() as scratch:
            return chain_verdict(chain, look_at(home.path, chain, Path(scratch)))

    return verify_home(home, PASSPHRASE, check_chain=check_here).findings


def stored_records(archive: Archive) -> list[StoredRecord]:
    """Return the rows of all records, in order."""
    rows = [row for part in archive.vault.index.slices(1, archive.vault.index.last_number()) for row in part]
    assert all(isinstance(row, StoredRecord) for row in rows)
    return [row for row in rows if isinstance(row, StoredRecord)]


def record_ids(path: Path) -> list[str]:
    """Return the ids of a home's records, in order."""
    with opened_archive(path) as archive:
        return [identifier(row.record) for row in stored_records(archive)]


def an_auditor(home: Path) -> str:
    """Return a new account of a home that may read de-identified copies for quality improvement."""
    with opened(home, running=True) as node:
        return add_account(node, (Role.AUDITOR,), "Quality office").account


def read_copy(home: Path, record: str, account: str) -> Said:
    """Read a record as an auditor does, by the command; its passphrase file is in the environment."""
    return xinglin("record", "read", "--home", home, record, "--account", account, "--purpose", "hqualimp")


def write_passphrase(folder: Path, passphrase: bytes = PASSPHRASE) -> Path:
    """Write a passphrase file as the commands want it and return it."""
    path = folder / "passphrase"
    path.write_bytes(passphrase + b"\n")
    path.chmod(0o600)
    return path


def some_bundles(folder: Path, count: int) -> list[Path]:
    """Return bundle files: the smallest real ones, or invented ones in ``folder`` where there are none."""
    if SYNTHEA.is_dir():
        return sorted(SYNTHEA.glob("*.json"), key=lambda path: path.stat().st_size)[:count]
    folder.mkdir(parents=True, exist_ok=True)
    return write_cohort(folder, count)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said: its exit status, standard output and standard error."""

    status: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON object that it must be."""
        text = self.out.decode()
        assert text.endswith("\n")
        assert text.count("\n") == 1
        return json.loads(text)

    @property
    def code(self) -> str:
        """The code of the refusal, for people in brackets on a line of its own."""
        lines = [line[1:-1] for line in self.err.splitlines() if line.startswith("[") and line.endswith("]")]
        assert len(lines) == 1, self.err
        return lines[0]


def xinglin(*arguments: str | Path) -> Said:
    """Run a command in this process; its environment is this one's."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            run([str(argument) for argument in arguments])
            status: Any = 0
        except SystemExit as end:
            status = end.code
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return Said(int(status or 0), out.buffer.getvalue(), err.getvalue())


def child(*arguments: str | Path, module: str = "xinglin") -> list[str]:
    """Return the command line of a program of the project in a process of its own."""
    return [sys.executable, "-m", module, *(str(argument) for argument in arguments)]


def child_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment in which a process of its own finds the project."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1", **(more or {})}


def run_child(command: Sequence[str], cwd: Path, more: Mapping[str, str] | None = None) -> Said:
    """Run a program to its end."""
    done = subprocess.run(command, cwd=cwd, env=child_environment(more), capture_output=True, check=False)
    return Said(done.returncode, done.stdout, done.stderr.decode())


def broken_bundle(folder: Path) -> Path:
    """Write a bundle of good and bad resources about one invented person, broken at what tells who that is."""
    person: dict[str, Any] = {
        "resourceType": "Patient",
        "name": [{"family": "Quarantini", "given": ["Ottilie"]}],
        "birthDate": "1934-05-06",
        "telecom": [{"system": "phone", "value": "555-0199-2277"}],
    }
    resources: list[dict[str, Any]] = [
        {**person, "id": "quarantini-0"},
        {**person, "id": "quarantini-1", "birthDate": "1934-05-66"},
        {**person, "id": "Ottilie Quarantini"},
        {**person, "id": "quarantini-3", "gender": "Quarantini"},
        {**person, "id": "quarantini-4", "OttilieQuarantini": "1934-05-06"},
    ]
    entries = [
        {
            "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
            "resource": resource,
            "request": {"method": "POST", "url": "Patient"},
        }
        for number, resource in enumerate(resources)
    ]
    path = folder / "broken.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}), encoding="utf-8")
    return path
