"""Build hook of the wheel: builds the native library and gives the wheel its platform's tag (native/build.py).

It asks for Go and a C compiler as build requirements where the machine has none (design D4), so that an installation
needs Python alone. An editable installation leaves the library in ``src``.
"""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeLibraryHook(BuildHookInterface[Any]):
    """Puts ``libxinglin`` into the package."""

    def dependencies(self) -> list[str]:
        """Return what the build needs from the index on this machine."""
        return list(_native(self.root).requirements())

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library; the wheel fits every Python 3 of this platform."""
        del version
        native = _native(self.root)
        try:
            native.build()
        except native.BuildFailed as failure:
            self.app.abort(str(failure))
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"


def _native(root: str) -> ModuleType:
    """Load native/build.py, which is no package."""
    spec = importlib.util.spec_from_file_location("xinglin_native_build", Path(root) / "native" / "build.py")
    if spec is None or spec.loader is None:
        raise ImportError("native/build.py is not there")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
