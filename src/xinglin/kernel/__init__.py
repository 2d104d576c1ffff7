"""What everything else stands on: errors, canonical encoding, hashing tags, identifiers, the clock port."""
