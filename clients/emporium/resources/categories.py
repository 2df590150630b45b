"""Categories."""

from typing import Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.catalog_service_pb2 import (
    Category,
    CreateCategoryRequest,
    DeleteCategoryRequest,
    GetCategoryRequest,
    ListCategoriesRequest,
    UpdateCategoryRequest,
)
from emporium.order.v1.catalog_service_pb2_grpc import CatalogServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import UNSET, Unset, query, set_mask


class CategoryFilters(PageOptions, total=False):
    """The arguments of `categories.list`.

    Sorts by `name` (ascending by default) or `created_at`.
    """

    parent_id: str
    """Only the categories right beneath this one."""


class Categories:
    """`shop.categories`: the tree that products are in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = CatalogServiceStub(connection.channel)

    async def create(
        self,
        name: str,
        *,
        parent_id: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Category:
        """Adds a category, at the top of the tree or beneath another; for staff.

        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `NotFound` (CATEGORY_NOT_FOUND), `Conflict` (CATEGORY_TOO_DEEP,
        TOO_MANY_CATEGORIES), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED), `InvalidRequest`.
        """
        request = CreateCategoryRequest(
            name=name, parent_id=parent_id, request_id=idempotency_key or str(uuid4())
        )
        return await self._connection.call(self._stub.CreateCategory, request, timeout_seconds)

    async def get(self, category_id: str, *, timeout_seconds: float | None = None) -> Category:
        """Reads a category. Raises `NotFound` (CATEGORY_NOT_FOUND)."""
        request = GetCategoryRequest(category_id=category_id)
        return await self._connection.call(self._stub.GetCategory, request, timeout_seconds)

    def list(self, **filters: Unpack[CategoryFilters]) -> Listing[Category]:
        """Lists categories, by name unless `sort` says otherwise.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListCategoriesRequest) -> Page[Category]:
            call = self._connection.call
            answer = await call(self._stub.ListCategories, request, timeout_seconds)
            return Page(answer.categories, answer.meta)

        return Listing(ListCategoriesRequest(**query(filters)), fetch)

    async def update(
        self,
        category_id: str,
        *,
        name: str | None = None,
        parent_id: str | Unset | None = UNSET,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Category:
        """Changes the fields that are given; for staff. `parent_id=None`: to the top of the tree.

        Raises `NotFound` (CATEGORY_NOT_FOUND), `Conflict` (CATEGORY_CYCLE, CATEGORY_TOO_DEEP),
        `Outdated` (ETAG_MISMATCH), `InvalidRequest` (NOTHING_TO_UPDATE). Not retried, because it is
        not idempotent.
        """
        request = UpdateCategoryRequest(category_id=category_id, name=name, etag=etag)
        if parent_id is None:
            but = ("category_id", "etag")
            set_mask(request, request.update_mask, cleared=["parent_id"], but=but)
        elif parent_id is not UNSET:
            request.parent_id = parent_id
        return await self._connection.call(self._stub.UpdateCategory, request, timeout_seconds)

    async def delete(
        self, category_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes a category that has nothing in it; for staff.

        Raises `NotFound` (CATEGORY_NOT_FOUND), `Conflict` (CATEGORY_NOT_EMPTY), `Outdated`
        (ETAG_MISMATCH). `NotFound` may also mean that a first attempt had deleted it before a
        retry.
        """
        request = DeleteCategoryRequest(category_id=category_id, etag=etag)
        await self._connection.call(self._stub.DeleteCategory, request, timeout_seconds)
