"""Imports historical orders from a CSV file: reading, planning, sending, comparing.

files.py     a CSV file to rows
rows.py      one row to its values, or to the reason why it was refused
plan.py      rows to customers, products and orders; cancellations to what they cancel
records.py   what a plan holds
sending.py   a plan through the services' own API, with retries
retries.py   which failures are transient, and for how long to retry
checking.py  compares a plan's sums with the sales report
"""
