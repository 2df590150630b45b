"""`python -m server.sandbox` runs the sandbox provider."""

import argparse
import json
from pathlib import Path

from server.sandbox.books import Books
from server.sandbox.http import Sandbox
from server.sandbox.notices import Notices


def main() -> None:
    """Takes calls until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m server.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--secret-file", type=Path, required=True, help='JSON: {"secret": "..."}')
    parser.add_argument("--notices-url", default="", help="where notices go; empty: nowhere")
    parser.add_argument("--late-seconds", type=float, default=2.0, help="of tok_late_notice")
    arguments = parser.parse_args()
    secret = json.loads(arguments.secret_file.read_text())["secret"]
    arguments.store.parent.mkdir(exist_ok=True)
    books = Books(arguments.store, late_seconds=arguments.late_seconds)
    notices = Notices(books, arguments.notices_url, secret.encode())
    with Sandbox((arguments.host, arguments.port), books, notices) as sandbox:
        notices.start()
        sandbox.serve_forever()


if __name__ == "__main__":
    main()
