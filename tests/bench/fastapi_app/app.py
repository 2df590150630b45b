"""The application: a user by id, and users by pages."""

import os
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.bench.fastapi_app.call_log import CallLog
from tests.bench.fastapi_app.callers import Caller, require_admin_or
from tests.bench.fastapi_app.models import Meta, PageReply, Reply, User, UserList, UserPublic

# As many connections as the user service keeps, all of which stay open.
_engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1),
    pool_size=10,
    max_overflow=0,
)


async def _session() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(_engine, expire_on_commit=False) as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session)]

app = FastAPI()
app.add_middleware(CallLog)


@app.get("/api/v1/users/{user_id}")
async def get_user(
    user_id: UUID, caller: Caller, session: Session, request: Request
) -> Reply[UserPublic]:
    """A user, for an admin or himself."""
    require_admin_or(caller, str(user_id))
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(404, "no such user")
    return Reply(data=UserPublic.of(user), request_id=request.state.request_id)


@app.get("/api/v1/users")
async def list_users(
    caller: Caller,
    session: Session,
    request: Request,
    page: Annotated[int, Query(ge=1)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> PageReply:
    """A page of users, the newest first, for admins."""
    require_admin_or(caller)
    total = (await session.exec(select(func.count()).select_from(User))).one()
    newest_first = select(User).order_by(col(User.created_at).desc(), col(User.id).desc())
    found = await session.exec(newest_first.offset((page - 1) * per_page).limit(per_page))
    return PageReply(
        data=UserList(users=[UserPublic.of(user) for user in found]),
        meta=Meta(page=page, per_page=per_page, total=total),
        request_id=request.state.request_id,
    )
