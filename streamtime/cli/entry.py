"""The entry point of the installed command: Ctrl-C ends it without a traceback at any time.

Importing everything takes a second or more, in which no exception handler of the commands is in place yet.
"""

import signal


def main() -> None:
    """Import the commands and run the requested one."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from streamtime.cli.main import run  # noqa: PLC0415  # the reason for this module

    signal.signal(signal.SIGINT, handler)
    try:
        run()
    finally:
        if handler is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
