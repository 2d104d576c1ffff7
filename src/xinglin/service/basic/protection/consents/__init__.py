"""The contract ``consent`` of the consortium chain, and a consent's terms, openings and signatures."""
