"""`python -m server.limits` runs one process of the limiter."""

import sys

from server.limits.app import main

sys.exit(main())
