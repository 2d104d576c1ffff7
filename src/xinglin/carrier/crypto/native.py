"""Loads the native library (folder ``native/``) and declares its functions, in this one place.

The library is loaded at the first use. A process that forks after that must not use it in the child (the
Go runtime's threads are gone and a call would hang), so the child's calls raise ``LibraryForked`` instead.
This module holds no cryptography and checks no lengths: whoever calls a function hands over buffers of the
documented sizes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from array import array
from collections.abc import Sequence
from ctypes import c_char_p, c_int, c_size_t, c_uint64, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any

from xinglin.carrier.crypto.errors import LibraryFault, LibraryForked, LibraryMissing, LibraryOutdated

INTERFACE = 1
"""Number of the library's interface; ``abi`` in native/main.go is the same."""

BYTE_ORDER = sys.byteorder
OK, INVALID, KEY, REFUSED, UNKNOWN, DUPLICATE, FAULT = range(7)
"""Statuses; native/status.go has the same table."""

_SUFFIX = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
PATH = Path(__file__).with_name("_lib") / f"libxinglin.{_SUFFIX}"
"""Where the installation puts the library."""

# One character a parameter: i int, p pointer to bytes in or out, n size or count, u 64-bit number.
_FUNCTIONS = {
    "xl_abi": "",
    "xl_last_fault": "pn",
    "xl_hash": "ipnp",
    "xl_hash_many": "iipnpnp",
    "xl_merkle_root": "ipnp",
    "xl_merkle_roots_of": "ipnpnpnp",
    "xl_merkle_path": "ipnnpp",
    "xl_sm2_generate": "p",
    "xl_sm2_public": "pp",
    "xl_sm2_check_public": "pn",
    "xl_sm2_sign_many": "ppnpnp",
    "xl_sm2_verify_many": "pppnpnp",
    "xl_sm2_encrypt": "ppnp",
    "xl_sm2_decrypt": "ppnp",
    "xl_ed25519_public": "pp",
    "xl_ed25519_check_public": "pn",
    "xl_ed25519_sign_many": "ppnpnp",
    "xl_ed25519_verify_many": "pppnpnp",
    "xl_hpke_public": "pp",
    "xl_hpke_check_public": "pn",
    "xl_hpke_encrypt": "ppnp",
    "xl_hpke_decrypt": "ppnp",
    "xl_seal_many": "ipppnppnpnp",
    "xl_open_many": "ipppnppnpnpp",
    "xl_tree_new": "ip",
    "xl_tree_close": "u",
    "xl_tree_empty": "up",
    "xl_tree_update": "uuppnp",
    "xl_tree_drop": "uu",
    "xl_tree_root": "uupp",
    "xl_tree_get": "uupnp",
    "xl_tree_prove_many": "uupnpnp",
    "xl_tree_subtree": "uupipnp",
    "xl_tree_stats": "up",
}
_TYPES = {"i": c_int, "p": c_void_p, "n": c_size_t, "u": c_uint64}
# Calls that take under a few microseconds keep the interpreter's lock: giving it up costs more than they do.
_SHORT = {"xl_hash": "xl_hash_short"}


class _Library:
    """The loaded library: its functions are attributes, set by the first access to any of them."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._forked = False

    def __getattr__(self, name: str) -> Any:
        if self._forked:
            raise LibraryForked
        with self._loading:
            if name not in self.__dict__:
                self.__dict__.update(_load(PATH))
        return self.__dict__[name]

    def start_over_in_child(self) -> None:
        """Forget everything in the child of a fork; refuse to load again what the parent had loaded."""
        loaded = "xl_abi" in self.__dict__
        for name in _FUNCTIONS.keys() | _SHORT.values():
            self.__dict__.pop(name, None)
        self._loading = threading.Lock()
        self._forked = self._forked or loaded


lib = _Library()


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise LibraryMissing(reason=f"{path.name} is not there")
    try:
        library, short = ctypes.CDLL(str(path)), ctypes.PyDLL(str(path))
        functions: dict[str, Any] = {}
        for name, parameters in _FUNCTIONS.items():
            functions[name] = _declare(library, name, parameters)
        for name, alias in _SHORT.items():
            functions[alias] = _declare(short, name, _FUNCTIONS[name])
    except (OSError, AttributeError) as error:
        raise LibraryMissing(reason=str(error)) from None
    found = functions["xl_abi"]()
    if found != INTERFACE:
        raise LibraryOutdated(found=found, needed=INTERFACE)
    return functions


def _declare(library: ctypes.CDLL, name: str, parameters: str) -> Any:
    function = getattr(library, name)
    # c_char_p hands over the bytes object's own memory and takes output buffers too, without a copy.
    function.argtypes = [c_char_p if letter == "p" else _TYPES[letter] for letter in parameters]
    function.restype = c_int
    return function


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lib.start_over_in_child)


def lengths(items: Sequence[bytes]) -> bytes:
    """Return the items' lengths as 64-bit numbers in native order, as the library reads them."""
    return array("Q", map(len, items)).tobytes()


def buffer(size: int) -> ctypes.Array[ctypes.c_char]:
    """Return zeroed memory for the library to write to."""
    return _array(size)()


@lru_cache(maxsize=1024)  # making a type costs ten times what making an array of it does
def _array(size: int) -> type[ctypes.Array[ctypes.c_char]]:
    return ctypes.c_char * size


def pieces(data: bytes, size: int) -> list[bytes]:
    """Return ``data`` cut into pieces of ``size`` bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def check(status: int) -> None:
    """Turn a status that no caller expects into an error.

    Raises:
        LibraryFault: the status is not ``OK``.
    """
    if status == OK:
        return
    if status != FAULT:
        raise LibraryFault(reason=f"status {status}")
    text = buffer(400)
    lib.xl_last_fault(text, len(text))
    raise LibraryFault(reason=text.value.decode("utf-8", "replace"))
