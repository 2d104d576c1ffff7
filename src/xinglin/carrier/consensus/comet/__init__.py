"""CometBFT as engine: its socket, its process and its files; nothing here knows what a transaction says (design D7)."""
