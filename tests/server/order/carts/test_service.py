"""Carts through the gRPC door: whose they are, what is put in, and what they tell."""

import uuid

from grpc import StatusCode

from emporium.order.v1 import cart_service_pb2 as pb
from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import pricing_service_pb2 as pricing_pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from server.order.carts.rules import cart as rules
from tests.server.order.carts.carting import (
    Availability,
    by_secret,
    checkout,
    line,
    lines,
    made,
    merging,
    noting,
    reading,
    without,
)
from tests.server.order.doors import (
    HOME,
    MISSING,
    Door,
    address_of,
    adjust,
    get,
    item,
    new_product,
    order_of,
    settings_of,
)
from tests.server.refusals import refused


async def test_whoever_has_the_secret_has_the_cart(
    anyone: Door, ann: Door, staff: Door, mug: Product, order_pool: Pool
) -> None:
    cart = await made(anyone)
    secret = by_secret(cart)
    assert (len(cart.secret), cart.user_id) == (43, "")
    put = await anyone("UpdateCartItem", line(cart, mug, 2), secret)
    assert (put.quantity, put.unit_price, put.line_total) == (2, "2.55", "5.10")
    seen = await anyone("GetCart", reading(cart), secret)
    assert lines(seen) == {mug.id: 2}
    assert await ann("GetCart", reading(cart), secret) == seen  # whoever sends it
    assert await staff("GetCart", reading(cart)) == seen
    calls = (
        ("GetCart", reading(cart)),
        ("UpdateCart", noting(cart, promotion_codes=["X"])),
        ("DeleteCart", pb.DeleteCartRequest(cart_id=cart.id)),
        ("UpdateCartItem", line(cart, mug, 3)),
        ("DeleteCartItem", without(cart, mug)),
    )
    for name, request in calls:
        for door, *headers in ((anyone,), (anyone, ("cart-secret", "another")), (ann,)):
            found = await refused(door(name, request, *headers))
            assert (found.code, found.reason) == (StatusCode.NOT_FOUND, "CART_NOT_FOUND"), name
    found = await refused(staff("UpdateCartItem", line(cart, mug, 3)))  # they only read
    assert found.reason == "CART_NOT_FOUND"
    kept = await order_pool.fetchval("SELECT carts::text FROM carts WHERE id = $1", cart.id)
    assert cart.secret not in kept
    await anyone("DeleteCart", pb.DeleteCartRequest(cart_id=cart.id), secret)
    assert (await refused(anyone("GetCart", reading(cart), secret))).reason == "CART_NOT_FOUND"


async def test_a_person_has_one_cart(ann: Door, bob: Door, mug: Product) -> None:
    cart = await made(ann)
    assert (cart.secret, cart.user_id) == ("", ann.user_id)
    assert (await made(ann)).id == cart.id
    await ann("UpdateCartItem", line(cart, mug))
    assert (await refused(bob("GetCart", reading(cart)))).reason == "CART_NOT_FOUND"
    await ann("CheckoutCart", checkout(cart))
    assert (await made(ann)).id != cart.id


async def test_a_repeat_makes_no_other_cart_and_tells_no_secret(anyone: Door) -> None:
    key = str(uuid.uuid4())
    cart = await made(anyone, request_id=key)
    again = await made(anyone, request_id=key)
    assert (again.id, again.secret) == (cart.id, "")


async def test_lines_are_put_in_changed_and_taken_out(ann: Door, staff: Door) -> None:
    one, two = [await staff("CreateProduct", new_product()) for _ in range(2)]
    cart = await made(ann)
    await ann("UpdateCartItem", line(cart, one, 2))
    await ann("UpdateCartItem", line(cart, two))
    await ann("UpdateCartItem", line(cart, one, 5))
    assert lines(await ann("GetCart", reading(cart))) == {one.id: 5, two.id: 1}
    await ann("DeleteCartItem", without(cart, one))
    assert lines(await ann("GetCart", reading(cart))) == {two.id: 1}
    found = await refused(ann("DeleteCartItem", without(cart, one)))
    assert (found.code, found.reason) == (StatusCode.NOT_FOUND, "CART_ITEM_NOT_FOUND")
    nothing = pb.UpdateCartItemRequest(cart_id=cart.id, product_id=one.id)
    found = await refused(ann("UpdateCartItem", nothing))
    assert (found.reason, found.fields) == ("NOTHING_TO_UPDATE", ["quantity"])
    missing = pb.UpdateCartItemRequest(cart_id=cart.id, product_id=MISSING, quantity=1)
    found = await refused(ann("UpdateCartItem", missing))
    assert (found.reason, found.fields) == ("PRODUCT_NOT_FOUND", ["product_id"])
    euro = await staff("CreateProduct", new_product(currency="EUR"))
    found = await refused(ann("UpdateCartItem", line(cart, euro)))
    assert (found.reason, found.fields) == ("CURRENCY_MISMATCH", ["product_id"])


async def test_a_cart_has_a_hundred_lines_at_most(ann: Door, staff: Door) -> None:
    products = [await staff("CreateProduct", new_product()) for _ in range(rules.LINES_MAX + 1)]
    cart = await made(ann)
    for each in products[: rules.LINES_MAX]:
        await ann("UpdateCartItem", line(cart, each))
    found = await refused(ann("UpdateCartItem", line(cart, products[-1])))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "TOO_MANY_CART_LINES")
    await ann("UpdateCartItem", line(cart, products[0], 7))  # which is no more lines
    seen = await ann("GetCart", reading(cart))
    assert (len(seen.items), len(seen.quote.lines)) == (rules.LINES_MAX, rules.LINES_MAX)


async def test_a_line_tells_what_has_changed_since_it_was_put_in(
    ann: Door, staff: Door, mug: Product
) -> None:
    await staff("UpdateStock", settings_of(mug, tracked=True))
    await staff("AdjustStock", adjust(mug, 3))
    cart = await made(ann)
    put = await ann("UpdateCartItem", line(cart, mug, 3))
    assert (put.price_changed, put.availability_changed) == (False, False)
    dearer = catalog_pb.UpdateProductRequest(product_id=mug.id, unit_price="3.00")
    await staff("UpdateProduct", dearer)
    await staff("CreateOrder", order_of(item(mug)))  # a cart holds nothing back
    before = await ann("GetCart", reading(cart))
    [seen] = before.items
    assert (seen.unit_price_then, seen.unit_price, seen.price_changed) == ("2.55", "3.00", True)
    assert (seen.availability_then, seen.availability, seen.availability_changed) == (
        Availability.AVAILABLE,
        Availability.TOO_FEW,
        True,
    )
    assert seen.available == 2
    [problem] = before.problems
    assert (problem.reason, problem.field, problem.message) == (
        "OUT_OF_STOCK",
        "items[0].quantity",
        "2 left",
    )
    assert before.quote.total_price == "9.00"
    found = await refused(ann("CheckoutCart", checkout(cart)))
    assert found.reason == "OUT_OF_STOCK"
    again = await ann("UpdateCartItem", line(cart, mug, 2))
    assert (again.price_changed, again.availability_changed) == (False, False)
    after = await ann("GetCart", reading(cart))
    assert (after.quote.total_price, [*after.problems]) == ("6.00", [])
    assert after.etag != before.etag
    archived = catalog_pb.UpdateProductRequest(product_id=mug.id)
    archived.status = catalog_pb.Product.ARCHIVED
    await staff("UpdateProduct", archived)
    gone = await ann("GetCart", reading(cart))
    assert (gone.items[0].availability, gone.items[0].unit_price) == (Availability.NOT_SOLD, "")
    assert [each.reason for each in gone.problems] == ["PRODUCT_NOT_FOUND"]
    assert not gone.HasField("quote")


async def test_it_is_priced_as_an_order_is(ann: Door, staff: Door, mug: Product) -> None:
    breaks = pricing_pb.SetPriceBreaksRequest(
        product_id=mug.id, breaks=[pricing_pb.PriceBreak(min_quantity=10, unit_price="2.00")]
    )
    await staff("SetPriceBreaks", breaks)
    code = pricing_pb.CreatePromotionRequest(
        code=f"C{uuid.uuid4().hex[:12]}", name="Half", percentage="50"
    )
    promotion = await staff("CreatePromotion", code)
    cart = await made(ann)
    put = await ann("UpdateCartItem", line(cart, mug, 10))
    assert (put.unit_price, put.line_total) == ("2.00", "20.00")
    noted = await ann("UpdateCart", noting(cart, promotion_codes=[promotion.code]))
    assert (noted.quote.discount, noted.quote.total_price) == ("10.00", "10.00")
    seen = await ann("GetCart", reading(cart))
    order = await ann("CheckoutCart", checkout(cart, total_price=seen.quote.total_price))
    assert (order.total_price, [*order.promotion_codes]) == ("10.00", [promotion.code])


async def test_what_is_noted_is_ordered(ann: Door, bob: Door, mug: Product) -> None:
    cart = await made(ann)
    await ann("UpdateCartItem", line(cart, mug))
    saved = await ann("CreateAddress", address_of(ann.user_id))
    noted = await ann("UpdateCart", noting(cart, shipping_address=HOME))
    assert noted.shipping_address == HOME
    noted = await ann("UpdateCart", noting(cart, shipping_address_id=saved.id))
    assert (noted.shipping_address_id, noted.HasField("shipping_address")) == (saved.id, False)
    foreign = await bob("CreateAddress", address_of(bob.user_id))
    found = await refused(ann("UpdateCart", noting(cart, shipping_address_id=foreign.id)))
    assert (found.reason, found.fields) == ("ADDRESS_NOT_FOUND", ["shipping_address_id"])
    unknown = await ann("UpdateCart", noting(cart, shipping_method_id=MISSING))
    assert [each.reason for each in unknown.problems] == ["SHIPPING_METHOD_NOT_FOUND"]
    cleared = noting(cart)
    cleared.update_mask.paths.append("shipping_method_id")
    noted = await ann("UpdateCart", cleared)
    assert noted.shipping_method_id == ""
    assert (await refused(ann("UpdateCart", noting(cart)))).reason == "NOTHING_TO_UPDATE"
    found = await refused(ann("UpdateCart", noting(cart, promotion_codes=["A"], etag="1-x")))
    assert found.reason == "ETAG_MISMATCH"
    assert (await ann("CheckoutCart", checkout(cart, etag=noted.etag))).shipping_address == HOME


async def test_a_cart_is_ordered_once(ann: Door, bob: Door, anyone: Door, mug: Product) -> None:
    cart = await made(ann)
    found = await refused(ann("CheckoutCart", checkout(cart)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "CART_EMPTY")
    await ann("UpdateCartItem", line(cart, mug, 2))
    found = await refused(ann("CheckoutCart", checkout(cart, total_price="5.11")))
    assert (found.reason, found.fields) == ("CART_PRICE_CHANGED", ["total_price"])
    assert (await refused(bob("CheckoutCart", checkout(cart)))).reason == "CART_NOT_FOUND"
    order = await ann("CheckoutCart", checkout(cart, shipping_address=HOME))
    assert (order.total_price, order.shipping_address) == ("5.10", HOME)
    assert await ann("CheckoutCart", checkout(cart)) == order == await ann("GetOrder", get(order))
    seen = await ann("GetCart", reading(cart))
    assert (seen.status, seen.order_id, lines(seen)) == (
        pb.Cart.CHECKED_OUT,
        order.id,
        {mug.id: 2},
    )
    calls = (
        ("UpdateCartItem", line(cart, mug, 3)),
        ("DeleteCartItem", without(cart, mug)),
        ("UpdateCart", noting(cart, promotion_codes=["A"])),
        ("DeleteCart", pb.DeleteCartRequest(cart_id=cart.id)),
    )
    for name, request in calls:
        assert (await refused(ann(name, request))).reason == "CART_NOT_ACTIVE"


async def test_a_cart_is_merged_once(ann: Door, bob: Door, anyone: Door, staff: Door) -> None:
    one, two, three = [await staff("CreateProduct", new_product()) for _ in range(3)]
    mine, other = await made(ann), await made(anyone)
    for product, quantity in ((one, 2), (two, 1)):
        await ann("UpdateCartItem", line(mine, product, quantity))
    for product, quantity in ((one, 99_999), (three, 4)):
        await anyone("UpdateCartItem", line(other, product, quantity), by_secret(other))
    assert (await refused(ann("MergeCart", merging(other)))).reason == "CART_NOT_FOUND"
    both = await ann("MergeCart", merging(other), by_secret(other))
    assert (both.id, lines(both)) == (mine.id, {one.id: 100_000, two.id: 1, three.id: 4})
    assert await ann("MergeCart", merging(other), by_secret(other)) == both
    assert await ann("MergeCart", merging(mine)) == both
    gone = await anyone("GetCart", reading(other), by_secret(other))
    assert (gone.status, lines(gone)) == (pb.Cart.MERGED, {})
    found = await refused(bob("MergeCart", merging(other), by_secret(other)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "CART_NOT_ACTIVE")
    found = await refused(anyone("UpdateCartItem", line(other, one), by_secret(other)))
    assert found.reason == "CART_NOT_ACTIVE"


async def test_whoever_has_no_cart_gets_what_is_merged(
    ann: Door, anyone: Door, mug: Product
) -> None:
    other = await made(anyone)
    await anyone("UpdateCartItem", line(other, mug, 2), by_secret(other))
    await anyone("UpdateCart", noting(other, shipping_address=HOME), by_secret(other))
    mine = await ann("MergeCart", merging(other), by_secret(other))
    assert (mine.user_id, lines(mine), mine.shipping_address) == (ann.user_id, {mug.id: 2}, HOME)
    assert (await made(ann)).id == mine.id


async def test_two_carts_that_are_too_many_lines_stay_two(
    ann: Door, anyone: Door, staff: Door
) -> None:
    products = [await staff("CreateProduct", new_product()) for _ in range(rules.LINES_MAX + 1)]
    mine, other = await made(ann), await made(anyone)
    for each in products[:60]:
        await ann("UpdateCartItem", line(mine, each))
    for each in products[60:]:
        await anyone("UpdateCartItem", line(other, each), by_secret(other))
    found = await refused(ann("MergeCart", merging(other), by_secret(other)))
    assert found.reason == "TOO_MANY_CART_LINES"
    assert len((await ann("GetCart", reading(mine))).items) == 60
    assert len((await anyone("GetCart", reading(other), by_secret(other))).items) == 41


async def test_from_one_address_there_are_so_many(anyone: Door) -> None:
    home = ("x-forwarded-for", f"2001:db8:{uuid.uuid4().hex[:4]}:1::1")
    next_door = ("x-forwarded-for", home[1].replace("::1", "::ffff"))
    for _ in range(rules.FROM_ONE_ADDRESS_MAX):
        await anyone("CreateCart", pb.CreateCartRequest(), home)
    found = await refused(anyone("CreateCart", pb.CreateCartRequest(), next_door))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "TOO_MANY_CARTS")
    elsewhere = ("x-forwarded-for", "2001:db8:ffff:2::1")
    await anyone("CreateCart", pb.CreateCartRequest(), elsewhere)
