"""Collection: brings data from outside in, checked, and keeps apart what can't be taken (S7.1a)."""
