"""Erasure: what makes a record unreadable for good in vault and keyring (S7.1f)."""
