"""Cryptography: suites, sealing, the key store; nothing outside this package names an algorithm (D4)."""
