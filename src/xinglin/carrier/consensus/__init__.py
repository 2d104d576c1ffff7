"""Consensus: the ports between engine and application (ABCI-shaped), and the embedded engine (design D7)."""
