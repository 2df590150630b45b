"""Page tokens as the services under test sign them."""

from server.kit.listing.tokens import PageTokens

TOKENS = PageTokens(b"the secret of the tests")
