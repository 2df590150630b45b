"""What every service is built from. The kit knows no service."""
