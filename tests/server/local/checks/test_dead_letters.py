"""Counting dead letters in a database that does not answer."""

from server.local.checks.dead_letters import count
from server.local.home.ports import free_ports


async def test_their_number_is_unknown_while_the_database_is_away() -> None:
    (port,) = free_ports(1)
    assert await count([f"postgresql://order:secret@127.0.0.1:{port}/emporium_order"]) is None
