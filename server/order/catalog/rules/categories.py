"""Categories: a tree, 8 deep and of 5,000 at most."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from server.kit import errors

DEPTH_MAX = 8
CATEGORIES_MAX = 5_000

CLEARABLE = frozenset({"parent_id"})

Tree = Mapping[str, str | None]
"""The parent of each category by the category's id; None at the top."""


class CategoryNotFound(errors.NotFound):
    """No such category."""

    reason = "CATEGORY_NOT_FOUND"


class CategoryNotEmpty(errors.Conflict):
    """Categories are beneath it, or products in it."""

    reason = "CATEGORY_NOT_EMPTY"


class CategoryCycle(errors.Conflict):
    """The category would be beneath itself."""

    reason = "CATEGORY_CYCLE"


class CategoryTooDeep(errors.Conflict):
    """The tree is as deep as it may be."""

    reason = "CATEGORY_TOO_DEEP"


class TooManyCategories(errors.Conflict):
    """There are as many as there may be."""

    reason = "TOO_MANY_CATEGORIES"


@dataclass(frozen=True, slots=True)
class Category:
    """A group of products. Ids are UUIDs as text, in lower case."""

    id: str
    name: str
    parent_id: str | None
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.version)


@dataclass(frozen=True, slots=True)
class CategoryFilters:
    """Which categories to list; None is no filter."""

    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """Fields to set, by name; None clears."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is


class Inside(NamedTuple):
    """What is in a category."""

    categories: bool
    products: bool


def add_category(name: str, parent_id: str | None, category_id: str, now: datetime) -> Category:
    """The category to store; whether there is room for it, `check_new` says."""
    return Category(category_id, name, parent_id, now, now, 1)


def check_new(category: Category, tree: Tree) -> None:
    """Raises `CategoryNotFound`, `CategoryTooDeep` or `TooManyCategories`."""
    if len(tree) >= CATEGORIES_MAX:
        raise TooManyCategories(f"there may be {CATEGORIES_MAX} categories")
    _check_depth(_above(category.parent_id, tree), 1)


def change_category(
    category: Category, tree: Tree, change: CategoryChange, now: datetime
) -> Category:
    """`category` after `change`; the same where it changes nothing.

    Raises `Outdated`, `NothingToUpdate`, `CategoryNotFound`, `CategoryCycle` or `CategoryTooDeep`.
    """
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    errors.Outdated.check(change.etag, category.etag, "category")
    after = replace(category, **change.fields)
    if after == category:
        return category
    if after.parent_id != category.parent_id:
        above = _above(after.parent_id, tree)
        if category.id in above:
            raise CategoryCycle("the category would be beneath itself", field="parent_id")
        _check_depth(above, _height(category.id, tree))
    return replace(after, updated_at=now, version=category.version + 1)


def check_deletion(category: Category, etag: str, inside: Inside) -> None:
    """Raises `Outdated` or `CategoryNotEmpty`."""
    errors.Outdated.check(etag, category.etag, "category")
    if inside.categories:
        raise CategoryNotEmpty("categories are beneath it; delete or move them first")
    if inside.products:
        raise CategoryNotEmpty("products are in the category; take them out first")


def _above(parent_id: str | None, tree: Tree) -> list[str]:
    """That category and all above it. Raises `CategoryNotFound` when it is not there."""
    if parent_id is not None and parent_id not in tree:
        raise CategoryNotFound("parent_id: no such category", field="parent_id")
    found: list[str] = []
    while parent_id is not None:
        found.append(parent_id)
        parent_id = tree[parent_id]
    return found


def _height(category_id: str, tree: Tree) -> int:
    """How deep it is from that category on, itself included."""
    children: dict[str, list[str]] = {}
    for each, parent in tree.items():
        if parent is not None:
            children.setdefault(parent, []).append(each)
    height, level = 0, [category_id]
    while level:
        height += 1
        level = [child for each in level for child in children.get(each, ())]
    return height


def _check_depth(above: list[str], height: int) -> None:
    if len(above) + height > DEPTH_MAX:
        raise CategoryTooDeep(f"categories may be {DEPTH_MAX} deep", field="parent_id")
