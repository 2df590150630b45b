"""Mailed links: what their one-time tokens let somebody do, and how the mails are sent."""
