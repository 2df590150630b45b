"""Devices: what shows that an account has signed in from one before."""
