"""The contract ``governance``: one member, one vote, over the next member epoch."""
