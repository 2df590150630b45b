"""What holds for the migrations of every service."""
