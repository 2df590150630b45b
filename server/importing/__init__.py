"""Imports historical orders from a CSV file (reading, planning, sending, comparing), and products.

files.py     a CSV file to rows
rows.py      one row to its values, or to the reason why it was refused
plan.py      rows to customers, products and orders; cancellations to what they cancel
records.py   what a plan holds
sending.py   a plan through the services' own API, with retries
retries.py   which failures are transient, and for how long to retry
checking.py  compares a plan's sums with the sales report

tables.py    a CSV or XLSX file to rows of any columns
products.py  one row to what it says of a product, or to the reason why it was refused
catalog.py   products through the services' own API, with retries
"""
