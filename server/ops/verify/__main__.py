"""`python -m server.ops.verify` compares what should be the same."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from server import settings
from server.kit import errors
from server.kit.telemetry import for_a_person
from server.ops.verify import verified
from server.services import ANALYTICS, ORDER


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what differs; 1 where something does, also when it is repaired by now."""
    parser = argparse.ArgumentParser(prog="python -m server.ops.verify")
    parser.add_argument(
        "--repair", action="store_true", help="Set right what follows from the rest."
    )
    asked = parser.parse_args(arguments)
    try:
        order = settings.from_environment(ORDER.name)
        mongodb = settings.from_environment(ANALYTICS.name).mongo
        url, sandbox_url = order.postgres.database_url, order.shop.sandbox_url
        with for_a_person():
            report = asyncio.run(verified(url, mongodb, sandbox_url, repair=asked.repair))
    except (settings.SettingsError, errors.EmporiumError) as error:
        print(f"emporium: {error}", file=sys.stderr)
        return 2
    print("\n".join(report.lines))
    return 1 if report.drifts else 0


if __name__ == "__main__":
    sys.exit(main())
