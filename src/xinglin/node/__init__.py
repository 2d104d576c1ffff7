"""The composition root: settings and a home become a running node. The only place that builds concrete parts (D2)."""
