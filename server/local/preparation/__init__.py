"""What the databases need before services can start: schema, roles, logins, sample data."""
