"""Other spellings of base64: texts that decoders take for the same bytes as a token's."""

import base64

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def other_spellings(text: str) -> dict[str, str]:
    """By what is odd about them, those that there are of `text`, base64url without padding."""
    bits = len(text) * 6 % 8  # of the last character, that count for nothing
    last = _ALPHABET[_ALPHABET.index(text[-1]) ^ 1]
    found = {
        "padding": text + "=" * (-len(text) % 4 or 4),
        "other bits at the end": text[:-1] + last if bits else text,
        "the other alphabet": text.replace("-", "+").replace("_", "/"),
        "a line feed behind it": f"{text}\n",
        "a space before it": f" {text}",
        "a strange character in it": f"{text[:7]}~{text[7:]}",
    }
    others = {name: other for name, other in found.items() if other != text}
    for name, other in others.items():
        assert lax(other) == lax(text), f"the control: {name} makes other bytes"
    return others


def lax(text: str) -> bytes:
    """What a decoder reads that looks at nothing but the letters of both alphabets."""
    letters = "".join(each for each in text if each.isalnum() or each in "-_+/")
    return base64.urlsafe_b64decode(
        letters.replace("+", "-").replace("/", "_") + "=" * (-len(letters) % 4)
    )
