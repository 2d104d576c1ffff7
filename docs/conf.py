"""Settings of the documentation: built with warnings as errors, no network, no script from elsewhere."""

import xinglin

project = "Xinglin"
author = "Xinglin contributors"
copyright = "2026, Xinglin contributors"  # noqa: A001 - the name is Sphinx's
release = xinglin.__version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"Xinglin {release}"
nitpicky = True
