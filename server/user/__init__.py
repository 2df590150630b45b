"""The user service: accounts, logins and passwords."""
