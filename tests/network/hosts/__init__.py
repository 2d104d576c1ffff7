"""A consortium on separate hosts, as the guides say it: each host a systemd of its own in namespaces of its own."""
