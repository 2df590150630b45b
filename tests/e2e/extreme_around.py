"""A good request of each rpc about what is around an order, for `extreme_requests`."""

import uuid
from typing import Any

MISSING = str(uuid.uuid4())
HOME = {"recipient": "A", "street": "B", "city": "C", "country_code": "GB"}
PAUSED = "emporium.order.v1.WebhookPaused"


def for_webhooks(scene: Any) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about where events are posted to: nowhere that is."""
    there = {"webhook_id": scene.webhook.id}
    return {
        "CreateWebhook": {"url": "https://partner.invalid", "event_types": [PAUSED]},
        "GetWebhook": {"webhook_id": MISSING},
        "ListWebhooks": {"per_page": 1},
        "UpdateWebhook": {**there, "description": "Zz extreme"},
        "DeleteWebhook": {"webhook_id": MISSING},
        "RotateWebhookSecret": there,
        "PingWebhook": {"webhook_id": MISSING},
        "ListWebhookDeliveries": {**there, "per_page": 1},
        "RedeliverWebhookDelivery": {**there, "delivery_id": MISSING},
    }


def for_addresses(scene: Any) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about saved addresses."""
    # Another's each time: one person may save fifty.
    user_id = str(uuid.uuid4())
    known = {"user_id": MISSING, "address_id": MISSING}
    return {
        "CreateAddress": {"user_id": user_id, "address": HOME, "request_id": str(uuid.uuid4())},
        "GetAddress": known,
        "ListAddresses": {"user_id": scene.user.id, "per_page": 1},
        "UpdateAddress": {
            "user_id": scene.user.id,
            "address_id": scene.address.id,
            "label": "Home",
            "address": HOME,
        },
        "DeleteAddress": known,
    }


def for_carts(scene: Any, field: str) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about carts; an address stands where no saved one does."""
    where = {} if field == "shipping_address_id" else {"shipping_address": HOME}
    of = {"cart_id": MISSING}
    return {
        "CreateCart": {"request_id": str(uuid.uuid4())},
        "GetCart": of,
        "UpdateCart": {"cart_id": scene.cart.id, "promotion_codes": ["EXTREME"], **where},
        "DeleteCart": of,
        "UpdateCartItem": {
            "cart_id": scene.cart.id,
            "product_id": scene.product.id,
            "quantity": 1,
        },
        "DeleteCartItem": {**of, "product_id": MISSING},
        "MergeCart": of,
        "CheckoutCart": {"cart_id": scene.cart.id, **where},
    }


def for_returns(scene: Any, field: str) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about what is sent back; without items for the `field` status."""
    return_id = scene.returned.id if scene.returned else MISSING
    items = [{"position": 1, "quantity": 1}]
    # They go with that status alone.
    judged = {} if field == "status" else {"items": [{"position": 1, "accepted_quantity": 1}]}
    return {
        "CreateReturn": {"order_id": scene.order.id, "items": items, "reason": "UNWANTED"},
        "ListReturns": {"order_id": scene.order.id, "per_page": 1},
        "GetReturn": {"return_id": MISSING},
        "UpdateReturn": {"return_id": return_id, "status": "RECEIVED", **judged},
    }
