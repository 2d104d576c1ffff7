"""The contract ``journal`` of a private chain: what its institution saw of the consortium, and took in."""
