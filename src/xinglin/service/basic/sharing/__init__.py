"""Sharing between institutions: what two members have signed before one asks the other (design D11)."""
