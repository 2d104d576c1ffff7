"""Workflows and decisions of an institution's data: coordination of chain and vault, and what builds on it."""
