"""Child processes: started, watched, restarted and ended."""
