"""The sandbox: a payment provider that moves no money, as a process of its own. HTTP and SQLite.

It behaves as providers do, and as they misbehave, by the token that it is asked to charge; see
`books.py`. What it has answered, or has not, it knows again after it was killed.
"""
