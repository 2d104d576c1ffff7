"""Proofs of access entries: that one was logged, or that a record's list of them is complete (H11, H14)."""
