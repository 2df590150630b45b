"""Answers for operators: what this machine lacks, and what waits for them in a cluster."""
