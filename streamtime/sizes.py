"""Numbers of bytes in words."""

_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def size_text(count: int) -> str:
    """A number of bytes in units of a thousand, as disks are sold: `1.2 GB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 999.5 or unit == _UNITS[-1]:  # noqa: PLR2004  # what would round to 1,000 of this unit
            return f"{size:.0f} {unit}" if unit in {"bytes", "KB"} or size >= 100 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    raise AssertionError
