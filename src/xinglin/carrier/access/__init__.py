"""System contracts: members, accounts, keys, nodes, votes; and the rights policy (design D9)."""
