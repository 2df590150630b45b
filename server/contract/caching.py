"""What `Cache-Control` says of an answer that the contract lets others keep."""

from collections.abc import Mapping

from emporium.options.v1.options_pb2 import Cache

_DAY_SECONDS = 86_400


def controls(rpc: str, cache: Cache, *, reads: bool, public: bool) -> Mapping[str, str]:
    """`anyone` and `caller`: to whom no token is needed, and to who has sent one.

    Exits with a sentence where no answer may be kept so. `reads` says that all its paths are GET's.
    """
    if cache.scope == Cache.SCOPE_UNSPECIFIED:
        raise SystemExit(f"{rpc}: who may keep the answer? 'cache' needs a scope")
    if not reads:
        raise SystemExit(f"{rpc}: only what GET reads can be kept")
    if cache.scope == Cache.PUBLIC and not public:
        raise SystemExit(f"{rpc}: what is not for anyone is kept by nobody else: it is PRIVATE")
    for seconds in (cache.max_age_seconds, cache.stale_while_revalidate_seconds):
        if not 0 <= seconds <= _DAY_SECONDS:
            raise SystemExit(f"{rpc}: an answer is kept for a day at most")
    ages = _ages(cache)
    anyone = "public" if cache.scope == Cache.PUBLIC else "private"
    return {"anyone": f"{anyone}, {ages}", "caller": f"private, {ages}"}


def _ages(cache: Cache) -> str:
    stale = cache.stale_while_revalidate_seconds
    if not cache.max_age_seconds:
        return "no-cache"
    more = f", stale-while-revalidate={stale}" if stale else ""
    return f"max-age={cache.max_age_seconds}{more}"
