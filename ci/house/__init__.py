"""What the commands in ci/ share."""
