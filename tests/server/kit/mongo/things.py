"""Something that is kept of people, to be erased."""

from collections.abc import Mapping

from server.kit.mongo import Database, Session


class Things:
    """An `erasing.Part`."""

    def __init__(self, database: Database) -> None:
        self.all = database.collection("things")

    async def erase(self, user_id: str, count_max: int, session: Session) -> Mapping[str, int]:
        found = self.all.find({"user_id": user_id}, {"_id": True}, session=session)
        if ids := [each["_id"] async for each in found.limit(count_max)]:
            await self.all.delete_many({"_id": {"$in": ids}}, session=session)
        return {"things": len(ids)}
