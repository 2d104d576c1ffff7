"""Keeps records at rest: encrypted originals in the vault, their keys apart in the keyring (S6.2d, S7.1b2, S8.2d)."""
