"""Keeps in PostgreSQL which mails were sent."""

from collections.abc import Collection

from server.kit.postgres import Pool, translated

_AMONG = "SELECT id::text FROM sent_mails WHERE id = ANY($1)"
_KEEP = "INSERT INTO sent_mails (id) VALUES ($1) ON CONFLICT DO NOTHING"


class PostgresSentMails:
    """A `SentMails` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def among(self, mail_ids: Collection[str]) -> Collection[str]:
        with translated():
            return {row["id"] for row in await self._pool.fetch(_AMONG, list(mail_ids))}

    async def keep(self, mail_id: str) -> None:
        with translated():
            await self._pool.execute(_KEEP, mail_id)
