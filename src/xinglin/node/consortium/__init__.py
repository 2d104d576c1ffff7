"""A home among others on CometBFT: its chain and engine, and what it keeps up with other members' nodes (design D7)."""
