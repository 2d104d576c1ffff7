"""Cryptography: suites, keys, sealing and the key store; nothing outside this package names an algorithm (design D4)."""
