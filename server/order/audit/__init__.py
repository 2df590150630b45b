"""Records of the audit log that wait for the user service, which keeps it."""
