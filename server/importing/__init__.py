"""Brings orders of another shop's books into this one: reading, deciding, sending, comparing.

files.py     a CSV file to rows
rows.py      one row to what it says, or to the reason why it was not taken
plan.py      rows to customers, products and orders; cancellations to what they cancel
records.py   what a plan holds
sending.py   a plan through the services' own API, as often as it takes
patience.py  which failures pass, and for how long to wait
checking.py  a plan's sums beside the sales report
"""
