"""The version of the installed package. A separate module, since workers start often and do not need it."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("streamtime")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0.0.0"
