"""The SQL of lists: which rows, in which order, and where a page of them begins.

All of it is put together from the listings' and filters' own constants; what callers send is bound
as arguments, and a sort field must be one that the listing names. So S608 is off (pyproject.toml).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from server.kit.listing.paging import PageQuery, sort_value

_PLACE = re.compile(r"\$(\d+)")


@dataclass(frozen=True)
class Listing:
    """A table that can be listed: what to select, and the Python type of each sortable column.

    Sortable columns are NOT NULL and have an index with the id. Of any combination of filters, the
    rows that match stand side by side in an index, in the order of `filtered_by` and the id; or
    there is one such row at most. Other conditions stand `apart` in their `Where`, and what matches
    is looked for in several ways, see `keyset.py`. A table that is written far more often than it
    is read cannot have an index for each combination: then `ranges` are those that do stand side by
    side, the ones with fewer rows first. Such a list is sorted by `filtered_by` alone.

    Of `sorted_within`, when that is all that rows must have, they stand side by side in every order
    of the list.
    """

    table: str
    columns: str
    sortable: Mapping[str, type]
    filtered_by: str
    ranges: Sequence[Sequence[str]] | None = None
    sorted_within: Sequence[str] = ()


@dataclass(frozen=True)
class Where:
    """Filters: SQL conditions with `$1`, `$2`... in order, and their arguments.

    `equal` are the columns that have one value in all rows that match. `is_scattered` where what
    matches stands anywhere in each order.
    """

    conditions: Sequence[str]
    arguments: Sequence[Any]
    equal: Sequence[str] = ()
    parts: Sequence["Part"] = ()  # where conditions stand apart: each those that an index holds
    is_scattered: bool = False

    @classmethod
    def of(
        cls,
        *pairs: tuple[str, Any],
        equal: Mapping[str, Any] | None = None,
        apart: Sequence["Apart"] = (),
        scattered: Sequence[tuple[str, Any]] = (),
    ) -> "Where":
        """From columns and the values that they must have, and from pairs of condition (with `{}`
        for its argument) and value; None is no filter. `scattered` are those of what stands
        anywhere; what stands `apart` no index holds together with the others.

        Equality is written as of arrays: what the planner knows to be one value it strikes from
        ORDER BY, and then takes an index of all rows for one of those that match.
        """
        if others := [each for each in apart if each.value is not None]:
            columns = dict.fromkeys(each.column for each in others if each.column)
            parts = [Part("", cls.of(*pairs, equal=equal))]
            parts += [
                Part(column, cls.of(*(each.pair for each in others if each.column == column)))
                for column in columns
            ]
            whole = cls.of(*pairs, *(each.pair for each in others), equal=equal)
            return replace(whole, parts=parts)
        same = {column: value for column, value in (equal or {}).items() if value is not None}
        given = [(f"{column} = ANY({{}})", [value]) for column, value in same.items()]
        pairs = (*pairs, *scattered)
        given += [(condition, value) for condition, value in pairs if value is not None]
        bound = [_bound(n, value) for n, (_, value) in enumerate(given, 1)]
        return cls(
            [each.format(place) for (each, _), (place, _) in zip(given, bound, strict=True)],
            [argument for _, argument in bound],
            [*same],
            is_scattered=bool(scattered),
        )

    def behind(self, count: int) -> "Where":
        """The same in a statement that has `count` arguments before."""
        moved = [_PLACE.sub(lambda found: f"${int(found[1]) + count}", c) for c in self.conditions]
        return replace(self, conditions=moved)

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


class Part(NamedTuple):
    """Some of the conditions of a list, whose rows stand side by side in an index."""

    column: str  # which orders them; empty: `filtered_by`
    where: Where


class Apart(NamedTuple):
    """A condition (with `{}` for its argument) that no index holds together with the others.

    `column` is the sortable one that it bounds, or empty. A `value` of None is no filter.
    """

    column: str
    condition: str
    value: Any

    @property
    def pair(self) -> tuple[str, Any]:
        return self.condition, self.value


def _bound(n: int, value: Any) -> tuple[str, Any]:
    """How the argument number `n` stands in a statement, and what the driver is given for it.

    A moment goes as text: of the first and the last that Python knows the driver would make
    `-infinity` and `infinity`, which lie before and after the rows that hold them.
    """
    if isinstance(value, datetime):
        return f"${n}::text::timestamptz", value.isoformat()
    return f"${n}", value


class Statement(NamedTuple):
    """A statement and its arguments."""

    text: str
    arguments: Sequence[Any]


class Statements:
    """The statements that a page may need, see `keyset.py`. A page is `per_page` rows and one.

    Raises `InvalidPageToken` for a place that is none in the list's order.
    """

    def __init__(self, listing: Listing, where: Where, query: PageQuery) -> None:
        self._listing = listing
        self._where = where
        self._query = query
        self._after = self._place(len(where.arguments))
        self._way = "DESC" if query.sort.descending else "ASC"
        self._order = self._by(query.sort.field, "id")
        self._index_order = self._by(*where.equal, listing.filtered_by, "id")

    def _place(self, count: int) -> Where:
        """Where the page begins, in a statement that has `count` arguments before."""
        sort, after = self._query.sort, self._query.after
        column_type = self._listing.sortable[sort.field]  # raises for any field but the listing's
        if after is None:
            return Where([], [])
        comparison = "<" if sort.descending else ">"
        place, value = _bound(count + 1, sort_value(column_type, after.value))
        condition = f"({sort.field}, id) {comparison} ({place}, ${count + 2})"
        return Where([condition], [value, after.id])

    def _by(self, *columns: str) -> str:
        return f"ORDER BY {', '.join(f'{column} {self._way}' for column in columns)}"

    @property
    def is_one_range(self) -> bool:
        """Whether the page's rows stand side by side in an index."""
        where = self._where
        if where.is_scattered:
            return False
        is_all = len(where.conditions) == len(where.equal)
        if is_all and tuple(where.equal) == tuple(self._listing.sorted_within):
            return True
        is_in_order = self._query.sort.field == self._listing.filtered_by
        return (is_in_order and not self.is_within_range) or not where.conditions

    @property
    def is_within_range(self) -> bool:
        """Whether they stand apart from each other, in a range of an index."""
        ranges, equal = self._listing.ranges, self._where.equal
        return ranges is not None and bool(equal) and tuple(equal) not in map(tuple, ranges)

    def page(self) -> Statement:
        """The page, as the database finds it best."""
        both = Where([*self._where.conditions, *self._after.conditions], [])
        order = self._by(*self._where.equal, self._query.sort.field, "id")
        return self._page(self._listing.table, both, order)

    def page_of_matches(self, count_max: int) -> Statement:
        """The page, from the first `count_max` rows that match."""
        matching = self._matching("*", count_max)
        return self._page(f"({matching}) AS matching", self._after, self._order)

    def page_of_next(self, count_max: int) -> Statement:
        """As much of the page as is found in the next `count_max` rows of the list's order."""
        following = f"SELECT * FROM {self._listing.table} {self._after} {self._order}"
        return self._page(f"({following} LIMIT {count_max}) AS following", self._where, self._order)

    def page_of_range(self, count_max: int) -> Statement:
        """As much of the page as is found in the next `count_max` rows of the range."""
        following, _ = self._range(count_max)
        return self._page(f"({following}) AS following", self._where, self._order)

    def is_range_longer_than(self, count: int) -> Statement:
        """A row if the range goes on after `count` rows."""
        following, apart = self._range(count + 1)
        return Statement(
            f"SELECT {' AND '.join(apart)} FROM ({following}) AS following OFFSET {count}",
            [*self._where.arguments, *self._after.arguments],
        )

    def _range(self, count_max: int) -> tuple[str, Sequence[str]]:
        """The rows from the page's place on that have what the first fitting range asks for.

        And the conditions that stand apart from it.
        """
        equal, conditions = self._where.equal, self._where.conditions
        chosen = next(each for each in self._listing.ranges or () if set(each) <= set(equal))
        apart = [conditions[n] for n, column in enumerate(equal) if column not in chosen]
        within = [each for each in conditions if each not in apart]
        both = Where([*within, *self._after.conditions], [])
        order = self._by(*chosen, self._listing.filtered_by, "id")
        rows = f"SELECT * FROM {self._listing.table} {both} {order} LIMIT {count_max}"
        return rows, apart

    def count_of_part(self, part: Part, count_max: int) -> Statement:
        """How many rows there are on that way, counted up to `count_max`."""
        rows = f"SELECT 1 FROM {self._listing.table} {part.where} {self._along(part)}"
        return Statement(
            f"SELECT count(*) FROM ({rows} LIMIT {count_max}) AS counted", part.where.arguments
        )

    def page_of_part(self, part: Part, count_max: int) -> Statement:
        """The page, from the first `count_max` rows on that way."""
        rows = f"SELECT * FROM {self._listing.table} {part.where} {self._along(part)}"
        return self._page_behind(f"({rows} LIMIT {count_max}) AS way", part.where.arguments)

    def page_along(self, count_max: int) -> Statement:
        """As much of the page as is found in the next `count_max` rows of the list's order."""
        rows, arguments = self._next(count_max)
        return self._page_behind(f"({rows}) AS following", arguments)

    def is_longer_than(self, count: int) -> Statement:
        """A row if the list's order goes on after `count` rows."""
        rows, arguments = self._next(count + 1)
        return Statement(f"SELECT 1 FROM ({rows}) AS following OFFSET {count}", arguments)

    def _along(self, part: Part) -> str:
        return self._by(part.column, "id") if part.column else self._index_order

    def _next(self, count_max: int) -> tuple[str, Sequence[Any]]:
        """The next rows of the list's order, with what its own index holds of the conditions."""
        field = self._query.sort.field
        by = "" if field == self._listing.filtered_by else field
        held = next(
            (part for part in self._where.parts if part.column == by), Part(by, Where([], []))
        )
        after = self._place(len(held.where.arguments))
        both = Where([*held.where.conditions, *after.conditions], [])
        rows = f"SELECT * FROM {self._listing.table} {both} {self._along(held)} LIMIT {count_max}"
        return rows, [*held.where.arguments, *after.arguments]

    def _page_behind(self, rows: str, arguments: Sequence[Any]) -> Statement:
        """The page of `rows`, which have those arguments."""
        where = self._where.behind(len(arguments))
        after = self._place(len(arguments) + len(where.arguments))
        both = Where([*where.conditions, *after.conditions], [])
        return Statement(
            f"SELECT {self._listing.columns} FROM {rows} {both} {self._order}"
            f" LIMIT {self._query.per_page + 1} OFFSET {self._query.offset}",
            [*arguments, *where.arguments, *after.arguments],
        )

    def count_of_matches(self, count_max: int) -> Statement:
        """How many rows match, counted up to `count_max`."""
        matching = self._matching("1", count_max)
        return Statement(f"SELECT count(*) FROM ({matching}) AS matching", self._where.arguments)

    def is_more_than(self, count: int) -> Statement:
        """A row if the list's order has more than `count` of them after the place."""
        after = self._place(0)
        following = f"SELECT 1 FROM {self._listing.table} {after} {self._order}"
        return Statement(f"{following} OFFSET {count} LIMIT 1", after.arguments)

    def _matching(self, columns: str, count_max: int) -> str:
        return (
            f"SELECT {columns} FROM {self._listing.table} {self._where}"
            f" {self._index_order} LIMIT {count_max}"
        )

    def _page(self, rows: str, where: Where, order: str) -> Statement:
        return Statement(
            f"SELECT {self._listing.columns} FROM {rows} {where} {order}"
            f" LIMIT {self._query.per_page + 1} OFFSET {self._query.offset}",
            [*self._where.arguments, *self._after.arguments],
        )
