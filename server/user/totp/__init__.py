"""TOTP: the second factor of logins, and the recovery codes that replace it."""
