"""Sample data: the same users, products and orders, however often it is made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from server.kit.currencies import decimals_of, in_full

VERSION = "small-3"  # changes with the data below

# SKU, name and price in the shop's currency, if that has hundredths; see `price_in`.
PRODUCTS = (
    ("TEAPOT-RED", "Enamel teapot, red", "18.50"),
    ("TEAPOT-BLUE", "Enamel teapot, blue", "18.50"),
    ("MUG-DOTS", "Mug with dots", "4.25"),
    ("MUG-PLAIN", "Mug, plain white", "3.10"),
    ("CANDLE-FIG", "Scented candle, fig", "9.95"),
    ("CANDLE-PINE", "Scented candle, pine", "9.95"),
    ("LAMP-DESK", "Brass desk lamp", "64.00"),
    ("CLOCK-WALL", "Railway wall clock", "39.90"),
    ("BAG-JUTE", "Jute shopping bag", "2.08"),
    ("APRON-STRIPE", "Striped apron", "14.75"),
    ("BOARD-OAK", "Oak chopping board", "27.00"),
    ("TIN-CAKE", "Cake tin, set of three", "11.60"),
)
# How many there are of some; the others are not tracked. And when it runs low.
STOCK = (
    ("CLOCK-WALL", 400, 50),
    ("CANDLE-PINE", 1_000, 100),
)
# Category, the one above it, and the beginnings of the SKUs in it.
CATEGORIES = (
    ("Kitchen", "", ("APRON", "BOARD", "TIN")),
    ("Tea", "Kitchen", ("TEAPOT", "MUG")),
    ("Home", "", ("BAG", "CLOCK")),
    ("Lights", "Home", ("CANDLE", "LAMP")),
)
# What products weigh, by the beginnings of their SKUs; of the others nobody has said.
WEIGHTS_GRAMS = {
    "TEAPOT": 1_100,
    "MUG": 350,
    "CANDLE": 240,
    "LAMP": 2_600,
    "CLOCK": 1_900,
    "BAG": 90,
    "APRON": 210,
    "BOARD": 1_450,
    "TIN": 800,
}
# Name, countries, and prices by the weight up to which they are; 0: whatever it weighs.
SHIPPING_METHODS = (
    (
        "Standard",
        (
            (("GB",), ((2_000, "3.95"), (20_000, "7.50"))),
            (("*",), ((2_000, "12.00"), (20_000, "29.00"))),
        ),
    ),
    ("Next day", ((("GB",), ((5_000, "9.95"), (0, "18.00"))),)),
)
# Each buyer has 10% off with it, once.
PROMOTION_CODE = "WELCOME10"
# Country, what it is called, percent, and whether prices contain it.
TAX_RATES = (
    ("GB", "VAT", Decimal(20), True),
    ("US", "Sales tax", Decimal("8.875"), False),
)
CUSTOMERS = (
    ("grace@emporium.example", "Grace Hopper"),
    ("edgar@emporium.example", "Edgar Codd"),
    ("barbara@emporium.example", "Barbara Liskov"),
    ("donald@emporium.example", "Donald Knuth"),
    ("radia@emporium.example", "Radia Perlman"),
    ("alan@emporium.example", "Alan Kay"),
)
ADDRESS = {
    "recipient": "The Emporium's friends",
    "street": "1 High Street",
    "city": "Leeds",
    "postal_code": "LS1 1AA",
    "country_code": "GB",
}
ORDERS = 24
FIRST_ORDER = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
BETWEEN_ORDERS = timedelta(hours=31)


def price_in(currency: str, price: str) -> Decimal:
    """One of the prices above in the shop's currency: 18.50 in GBP, 18.500 in KWD, 1850 in JPY."""
    return in_full(Decimal(price) * (1 if decimals_of(currency) else 100), currency)
