"""Loading the native library: absent, foreign or outdated files, forks, faults inside it (design D4)."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from xinglin.carrier.crypto import native
from xinglin.carrier.crypto.errors import LibraryFault, LibraryForked, LibraryMissing, LibraryOutdated
from xinglin.carrier.crypto.native import buffer, check, lib
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.errors import PlatformError


def refusal(program: str) -> str:
    """Run a program in a process of its own and return the code of the refusal that it prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def refusal_of_library(path: Path) -> str:
    """Return the code with which a library file is refused."""
    return refusal(
        "from pathlib import Path\n"
        "from xinglin.carrier.crypto import native\n"
        "from xinglin.kernel.errors import PlatformError\n"
        f"native.PATH = Path({str(path)!r})\n"
        "try:\n"
        "    native.lib.xl_hash\n"
        "except PlatformError as error:\n"
        "    print(error.code)\n"
    )


def test_a_library_that_is_not_there(tmp_path: Path) -> None:
    assert refusal_of_library(tmp_path / "libxinglin.so") == LibraryMissing.code


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "libxinglin.so").write_bytes(b"not a library")
    assert refusal_of_library(tmp_path / "libxinglin.so") == LibraryMissing.code


def test_a_library_of_others(tmp_path: Path) -> None:
    other = next(Path(sys.base_prefix).rglob("*.so"), None)
    if other is None:
        pytest.skip("this Python has no other shared library to try")
    shutil.copy(other, tmp_path / "libxinglin.so")
    assert refusal_of_library(tmp_path / "libxinglin.so") == LibraryMissing.code


def test_a_library_of_another_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    with pytest.raises(LibraryOutdated) as raised:
        native._load(native.PATH)
    assert raised.value.facts == {"found": native.INTERFACE - 1, "needed": native.INTERFACE}


def test_a_forked_child_is_refused_and_does_not_hang() -> None:
    program = (
        "import os\n"
        "from xinglin.carrier.crypto.suite import suite\n"
        "from xinglin.kernel.errors import PlatformError\n"
        "gm = suite('gm')\n"
        "gm.hash(b'')\n"
        "if os.fork() == 0:\n"
        "    try:\n"
        "        gm.verify_many([bytes(65)] * 100, [b''] * 100, [bytes(64)] * 100)\n"
        "    except PlatformError as error:\n"
        "        print(error.code, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "assert gm.hash(b'').hex().startswith('1ab21d83'), 'the parent goes on'\n"
    )
    assert refusal(program) == LibraryForked.code


def test_a_child_forked_before_loading_loads_its_own() -> None:
    program = (
        "import os\n"
        "from xinglin.carrier.crypto.suite import suite\n"
        "if os.fork() == 0:\n"
        "    print(suite('gm').hash(b'').hex()[:8], flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    assert refusal(program) == "1ab21d83"


def test_spawned_processes_work() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        hashed = pool.apply_async(suite("gm").hash, (b"abc",)).get(timeout=60)
    assert hashed == suite("gm").hash(b"abc")


def test_many_threads_load_and_call_at_once() -> None:
    program = (
        "import threading\n"
        "from xinglin.carrier.crypto.suite import suite\n"
        "gm, found = suite('gm'), []\n"
        "threads = [threading.Thread(target=lambda: found.append(gm.hash_many([b'abc'] * 500))) for _ in range(16)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(len(found), all(each == found[0] for each in found))\n"
    )
    assert refusal(program) == "16 True"


def test_wrong_counts_are_refused_before_anything_is_read() -> None:
    """The library's own checks, should a caller's fail: lengths that don't add up, unknown algorithms."""
    out = buffer(320)
    one = (5).to_bytes(8, sys.byteorder)
    assert lib.xl_hash_many(1, -1, b"abc", 3, one, 1, out) == native.INVALID
    assert lib.xl_hash_many(1, -1, b"abcdefgh", 8, one, 1, out) == native.INVALID
    assert lib.xl_hash_many(1, -1, b"abc", 3, (2**64 - 1).to_bytes(8, sys.byteorder), 1, out) == native.INVALID
    assert lib.xl_hash_many(9, -1, b"abcde", 5, one, 1, out) == native.INVALID
    assert lib.xl_hash_many(1, 256, b"abcde", 5, one, 1, out) == native.INVALID
    assert lib.xl_hash(9, b"", 0, out) == native.INVALID
    assert lib.xl_merkle_root(9, b"", 0, out) == native.INVALID
    assert lib.xl_merkle_path(1, bytes(32), 1, 1, out, out) == native.INVALID
    assert lib.xl_merkle_roots_of(1, b"abcde", 5, one, 1, (2).to_bytes(8, sys.byteorder), 1, out) == native.INVALID
    assert lib.xl_merkle_roots_of(1, b"abcde", 5, one, 1, bytes(8), 1, out) == native.INVALID
    assert lib.xl_seal_many(9, bytes(16), bytes(12), b"abcde", 5, one, b"", 0, bytes(8), 1, out) == native.INVALID
    assert lib.xl_open_many(1, bytes(16), bytes(12), b"abcde", 5, one, b"", 0, bytes(8), 1, out, out) == native.INVALID
    assert lib.xl_tree_new(9, out) == native.INVALID
    assert lib.xl_tree_root(2**60, 1, out, out) == native.UNKNOWN
    assert out.raw == bytes(320)


def test_a_fault_inside_the_library_is_an_error_here() -> None:
    """A null pointer with a length makes the library panic; the process lives and says so."""
    status = lib.xl_hash(1, None, 100, buffer(32))
    assert status == native.FAULT
    with pytest.raises(LibraryFault) as raised:
        check(status)
    assert "ptr is nil" in str(raised.value.facts["reason"])
    assert suite("gm").hash(b"abc").hex().startswith("66c7f0f4")


def test_a_status_that_nobody_expects_is_an_error() -> None:
    with pytest.raises(LibraryFault):
        check(native.REFUSED)


def test_every_refusal_has_both_languages() -> None:
    for error in (
        LibraryMissing(reason="r"),
        LibraryOutdated(found=1, needed=2),
        LibraryForked(),
        LibraryFault(reason="r"),
    ):
        assert isinstance(error, PlatformError)
        assert "?" not in error.sentence("en")
        assert "?" not in error.sentence("zh")


def test_batches_leave_the_interpreter_free() -> None:
    """Another Python thread runs while the library verifies: the call gives the interpreter's lock up."""
    gm = suite("gm")
    private = gm.generate_private_key()
    n = 3000
    keys, messages = [gm.public_key(private)] * n, [b"m"] * n
    signatures = [gm.sign(private, b"m")] * n
    turns, running = 0, threading.Event()

    def count() -> None:
        nonlocal turns
        while running.is_set():
            turns += 1
            os.sched_yield()

    running.set()
    other = threading.Thread(target=count)
    other.start()
    turns = 0
    assert all(gm.verify_many(keys, messages, signatures))
    during = turns
    running.clear()
    other.join()
    assert during > 10
