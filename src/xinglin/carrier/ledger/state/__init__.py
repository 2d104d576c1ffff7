"""Authenticated state: the tree behind every state root, and the proofs under it (design D6)."""
