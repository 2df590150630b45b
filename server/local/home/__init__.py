"""A cluster's folder and what it records: keys, passwords, ports, what runs now."""
