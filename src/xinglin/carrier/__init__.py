"""The carrier layer (clause 6): cryptography, ledger, consensus, contracts and the access of members."""
