"""A home's records joined with its chains: the archive, and what services ask of it through their ports (H3, H4)."""
