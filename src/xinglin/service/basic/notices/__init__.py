"""Notices: what persons and institutions are told, kept on private chains, with signed acknowledgements (H10, H12)."""
