"""The contract ``registry``: members, accounts, keys, nodes and audiences of a chain."""
