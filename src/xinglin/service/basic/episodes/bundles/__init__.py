"""Proofs of sealed episodes: the set, both sides, late additions, registrations, reads (S1.1)."""
