"""Other ways to write a path, which a router, a token rule and a transcoder may read apart."""

from urllib.parse import quote

# Needs no token, so a rule that looks at the beginning of a path lets it through.
_PUBLIC = "/api/v1/auth/login"
_PUBLIC_RPC = "/emporium.user.v1.AuthService/Login"


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
