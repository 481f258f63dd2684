"""Which version this is. Apart from the package itself: workers start often, and have no use for it."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("streamtime")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0.0.0"
