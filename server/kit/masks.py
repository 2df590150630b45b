"""What an update sets: fields that are present, or that its mask names."""

from collections.abc import Collection, Mapping
from typing import Any

from server.kit import errors


def fields_of_mask(
    mask: Collection[str], present: Mapping[str, Any], clearable: Collection[str]
) -> dict[str, Any]:
    """The masked fields, absent ones cleared; without a mask, the present ones.

    `present` has every field that can be set, with None for those that are absent; in the answer
    None clears. Raises `InvalidUpdateMask` for a field that cannot be set, or not be cleared.
    """
    if not mask:
        return {name: value for name, value in present.items() if value is not None}
    for name in mask:
        if name not in present:
            raise errors.InvalidUpdateMask(
                f"'{name}' is none of {', '.join(present)}", field="update_mask"
            )
        if present[name] is None and name not in clearable:
            raise errors.InvalidUpdateMask(f"'{name}' cannot be cleared", field="update_mask")
    return {name: present[name] for name in mask}
