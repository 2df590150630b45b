"""Keeps the collector of cyclic garbage from stopping the event loop for long.

A collection of the oldest generation looks at every object there is: with a service's modules and
contracts that took 40 to 110 ms, and while one caller asks for long answers it comes several times
a second (two cores of an AMD EPYC, November 2026).
"""

import gc

# How many objects more than fewer come to be before the youngest are looked at; 700 otherwise. The
# objects of one long answer are not cyclic, and most are gone before it is sent.
_YOUNG_MAX = 10_000


def settle() -> None:
    """Leaves what is there now out of every later collection; called when all is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_MAX, *gc.get_threshold()[1:])
