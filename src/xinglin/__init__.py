"""Xinglin (杏林): a permissioned ledger and institution node for medical service data."""

__version__ = "0.1.0"
