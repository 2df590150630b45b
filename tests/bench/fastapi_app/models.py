"""The table, and what callers see of it."""

from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import DateTime
from sqlmodel import Field, SQLModel

DataT = TypeVar("DataT")


class UserBase(SQLModel):
    """What both have."""

    id: UUID = Field(primary_key=True)
    email: str
    full_name: str
    age: int | None = None
    role: str
    status: str
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))
    email_verified: bool
    totp_enabled: bool


class User(UserBase, table=True):
    """A row of `users`."""

    __tablename__ = "users"

    version: int


class UserPublic(UserBase):
    """As it is answered."""

    etag: str

    @classmethod
    def of(cls, user: User) -> "UserPublic":
        """What callers see of `user`."""
        return cls.model_validate(user, update={"etag": str(user.version)})


class UserList(BaseModel):
    """The users of a page."""

    users: list[UserPublic]


class Meta(BaseModel):
    """Where in the list the page is."""

    page: int
    per_page: int
    total: int


class Reply(BaseModel, Generic[DataT]):
    """The envelope."""

    status: Literal["success"] = "success"
    data: DataT
    request_id: str


class PageReply(Reply[UserList]):
    """The envelope of a list."""

    meta: Meta
