"""Corrections: linked versions of wrong records, who has the wrong one, and that everyone who has it is told (H12)."""
