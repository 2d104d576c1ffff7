"""The runtime of contracts: what their authors import, the native runtime, the application (design D8)."""
