"""The contract ``anchor``: heads of private chains, proven to continue, with evidence where they fork."""
