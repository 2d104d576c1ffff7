"""Intake: takes collected resources in, from the source's bytes to a registered record commitment (H3, S8.6a)."""
