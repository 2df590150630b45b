"""Other ways to write a path, which a router, a token rule and a transcoder may read apart."""

from urllib.parse import quote

# Needs no token, so a rule that looks at the beginning of a path lets it through.
_PUBLIC = "/api/v1/auth/login"
_PUBLIC_RPC = "/emporium.user.v1.AuthService/Login"


# What a path that is spelled so is. RFC 3986 makes some spellings the same as the plain one; of the
# others none is taken for it, and none is redirected to it.
SAME = "the plain path"
OF_AN_ID = "the plain path with more in the id that it ends in; elsewhere none"
NONE = "no path"  # 404
FLAWED = "no path at all, or one that two readers may read apart"  # 400
ANSWERS = {
    "a slash at the end": NONE,
    "a slash more in front": NONE,
    "a slash more within": NONE,
    "a dot": SAME,
    "an escaped dot": SAME,
    "up and down": SAME,
    "up and down, escaped": SAME,
    "up and down, escaped twice": NONE,
    "from what is public": SAME,
    "from what is public, escaped": SAME,
    "from what is public, with escaped slashes": FLAWED,
    "from what is public, with backslashes": SAME,
    "an escaped slash": FLAWED,
    "an escaped slash in capitals": FLAWED,
    "a backslash": SAME,
    "an escaped backslash": FLAWED,
    "an escaped letter": SAME,
    "in capitals": NONE,
    "a capital": NONE,
    "a parameter": OF_AN_ID,
    "a parameter within": NONE,
    "what is public as a parameter": NONE,
    "what is public as a query": SAME,
    "what is public as a fragment": FLAWED,
    "an escaped question mark": NONE,
    "a zero": FLAWED,
    "a new line": OF_AN_ID,
    "a space": OF_AN_ID,
    "a wide slash": NONE,
    "a long dot": NONE,
    "with the server's name": SAME,
}


def spellings(path: str) -> dict[str, str]:
    """By what is odd: paths that might be taken for `path`, of REST or of gRPC."""
    first, *parts = path.partition("?")[0].lstrip("/").split("/")
    rest = "/".join(parts)
    public = _PUBLIC_RPC if first.startswith("emporium.") else _PUBLIC
    up = "/.." * public.count("/")
    dots = "/%2e%2e" * public.count("/")
    plain = f"/{first}/{rest}"
    last = plain[-1]
    return {
        "a slash at the end": f"{plain}/",
        "a slash more in front": f"/{plain}",
        "a slash more within": f"/{first}//{rest}",
        "a dot": f"/{first}/./{rest}",
        "an escaped dot": f"/{first}/%2e/{rest}",
        "up and down": f"/{first}/../{first}/{rest}",
        "up and down, escaped": f"/{first}/%2e%2e/{first}/{rest}",
        "up and down, escaped twice": f"/{first}/%252e%252e/{first}/{rest}",
        "from what is public": f"{public}{up}{plain}",
        "from what is public, escaped": f"{public}{dots}{plain}",
        "from what is public, with escaped slashes": f"{public}{quote(up, safe='.')}{plain}",
        "from what is public, with backslashes": f"{public}{up.replace('/', chr(92))}{plain}",
        "an escaped slash": f"/{first}%2f{rest}",
        "an escaped slash in capitals": f"/{first}%2F{rest}",
        "a backslash": f"/{first}\\{rest}",
        "an escaped backslash": f"/{first}%5c{rest}",
        "an escaped letter": f"{plain[:-1]}%{ord(last):02x}",
        "in capitals": plain.upper(),
        "a capital": f"/{first.title()}/{rest}",
        "a parameter": f"{plain};role=ADMIN",
        "a parameter within": f"/{first};a=b/{rest}",
        "what is public as a parameter": f"{plain};{public}",
        "what is public as a query": f"{plain}?{public}",
        "what is public as a fragment": f"{plain}#{public}",
        "an escaped question mark": f"{plain}%3f{public}",
        "a zero": f"{plain}%00",
        "a new line": f"{plain}%0a",
        "a space": f"{plain}%20",
        "a wide slash": f"/{first}%ef%bc%8f{rest}",
        "a long dot": f"/{first}/%c0%ae%c0%ae/{first}/{rest}",
        "with the server's name": f"http://localhost{plain}",
    }
