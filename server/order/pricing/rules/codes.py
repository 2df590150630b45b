"""Which codes an order may name: every one is answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from server.kit import currencies, errors
from server.kit.errors import EmporiumError, Violation
from server.order.pricing.rules.promotions import Promotion, PromotionNotFound, Stacking
from server.order.pricing.rules.taxes import TaxTable


class PromotionNotYetValid(errors.Conflict):
    """A promotion begins later."""

    reason = "PROMOTION_NOT_YET_VALID"


class PromotionExpired(errors.Conflict):
    """A promotion is over."""

    reason = "PROMOTION_EXPIRED"


class PromotionUsedUp(errors.Conflict):
    """As many orders have a promotion as may have it."""

    reason = "PROMOTION_USED_UP"


class PromotionUsedByPerson(errors.Conflict):
    """As many orders of this buyer have a promotion as may have it."""

    reason = "PROMOTION_USED_BY_PERSON"


class PromotionNotCombinable(errors.Conflict):
    """A promotion is given alone."""

    reason = "PROMOTION_NOT_COMBINABLE"


class PromotionMinimumNotReached(errors.Conflict):
    """The lines cost less than a promotion asks for."""

    reason = "PROMOTION_MINIMUM_NOT_REACHED"


class PromotionCurrencyMismatch(errors.Invalid):
    """A promotion is for orders in another currency."""

    reason = "PROMOTION_CURRENCY_MISMATCH"


class PromotionChanged(errors.Conflict):
    """A promotion is not what was read of it any more."""

    reason = "CONFLICT"


_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order is priced by, beside its lines and their offers."""

    at: datetime = _BEFORE_ALL
    promotions: Mapping[str, Promotion] = field(default_factory=dict)  # by code, in lower case
    used: Mapping[str, int] = field(default_factory=dict)  # by the buyer, by promotion
    taxes: TaxTable = field(default_factory=TaxTable)


class Uses(NamedTuple):
    """The promotions that a new order uses, in the order of its codes."""

    order_id: str
    user_id: str | None
    promotions: Sequence[Promotion]


@dataclass(slots=True)
class Counted:
    """How often locked promotions are used, with what has been taken since they were locked."""

    promotions: dict[str, Promotion]  # by id
    uses: dict[str, int]
    by_person: dict[tuple[str, str | None], int]

    def take(self, uses: Uses) -> EmporiumError | None:
        """Takes one use of each, or none and says why."""
        found: list[_Problem] = []
        for at, read in enumerate(uses.promotions):
            promotion = self.promotions.get(read.id)
            if promotion is None or promotion.version != read.version:
                return PromotionChanged("a promotion was changed meanwhile; try again")
            by_person = self.by_person.get((read.id, uses.user_id), 0)
            found += _used_up(at, promotion, self.uses[read.id], by_person)
        if found:
            return _error(found)
        for each in uses.promotions:
            key = (each.id, uses.user_id)
            self.uses[each.id] += 1
            self.by_person[key] = self.by_person.get(key, 0) + 1
        return None


class _Problem(NamedTuple):
    kind: type[EmporiumError]
    at: int
    said: str


def promotions_of(
    codes: Sequence[str], terms: Terms, currency: str, subtotal: Decimal
) -> Sequence[Promotion]:
    """The promotions that `codes` name, in their order, for an order of so much.

    Raises the error of the first code that has one, which names all with the same fault.
    """
    named = [terms.promotions.get(code.lower()) for code in codes]
    twice = [
        Violation(_field(at), "names the same promotion as another code")
        for at, code in enumerate(codes)
        if code.lower() in {each.lower() for each in codes[:at]}
    ]
    errors.Invalid.check(twice)
    found: list[_Problem] = []
    for at, promotion in enumerate(named):
        if promotion is None or not promotion.active:
            found.append(_Problem(PromotionNotFound, at, "no such code"))
            continue
        found += _not_now(at, promotion, terms.at)
        found += _not_for(at, promotion, currency, subtotal)
        found += _used_up(at, promotion, promotion.uses, terms.used.get(promotion.id, 0))
        if len(codes) > 1 and promotion.stacking is Stacking.EXCLUSIVE:
            said = "cannot be combined with other codes"
            found.append(_Problem(PromotionNotCombinable, at, said))
    if found:
        raise _error(found)
    return [each for each in named if each]


def _not_now(at: int, promotion: Promotion, now: datetime) -> Iterator[_Problem]:
    if promotion.valid_from and now < promotion.valid_from:
        yield _Problem(PromotionNotYetValid, at, f"valid from {_told(promotion.valid_from)} on")
    elif promotion.valid_until and now >= promotion.valid_until:
        yield _Problem(PromotionExpired, at, f"was valid until {_told(promotion.valid_until)}")


def _not_for(at: int, promotion: Promotion, currency: str, subtotal: Decimal) -> Iterator[_Problem]:
    if promotion.currency and promotion.currency != currency:
        said = f"is for orders in {promotion.currency}"
        yield _Problem(PromotionCurrencyMismatch, at, said)
    elif promotion.min_subtotal is not None and subtotal < promotion.min_subtotal:
        least = currencies.in_full(promotion.min_subtotal, currency)
        yield _Problem(PromotionMinimumNotReached, at, f"the lines must cost {least:f} at least")


def _used_up(at: int, promotion: Promotion, uses: int, by_person: int) -> Iterator[_Problem]:
    most, most_each = promotion.uses_max, promotion.uses_max_per_person
    if most is not None and uses >= most:
        yield _Problem(PromotionUsedUp, at, "is used up")
    elif most_each is not None and by_person >= most_each:
        said = "the buyer has used it as often as one may"
        yield _Problem(PromotionUsedByPerson, at, said)


def used_up(uses: Uses, kind: type[EmporiumError]) -> EmporiumError:
    """The error where the database has refused the uses of an order, not saying which."""
    limited = [
        _Problem(kind, at, "is used up")
        for at, each in enumerate(uses.promotions)
        if each.uses_max is not None or each.uses_max_per_person is not None
    ]
    return _error(limited)


def _error(found: Sequence[_Problem]) -> EmporiumError:
    first = found[0]
    alike = [Violation(_field(each.at), each.said) for each in found if each.kind is first.kind]
    return first.kind(f"{_field(first.at)}: {first.said}", violations=alike)


def _field(at: int) -> str:
    return f"promotion_codes[{at}]"


def _told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
