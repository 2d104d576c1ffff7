"""Brings the batches of stored records onto the chain, once, whatever crashes in between."""
