"""What runs on a gateway, for people: status, logs, events."""
