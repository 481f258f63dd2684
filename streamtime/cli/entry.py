"""Where the installed command begins: Ctrl-C ends it without a traceback, before and after a command runs as well.

To import everything takes a second or more, and nothing of it can be asked to handle an interrupt.
"""

import signal


def main() -> None:
    """Import the commands and run the one that was asked for."""
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
