"""``xinglin bench network``: nodes of a consortium, each a process of its own with its engine, on one machine (D15)."""
