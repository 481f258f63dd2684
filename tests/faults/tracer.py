"""Runs a program and traces the system calls that write, sync, rename and send; makes them fail by rules.

`python tracer.py --under FOLDER --trace FILE --control SOCKET -- PROGRAM ARGUMENT ...`

It is like `strace -f -e inject`, except that occurrences are counted over all threads and per file, so that "the third
sync of the log" is the same one in every run. The kernel stops the program at the calls of `CALLS` only. It is
independent of Streamtime; files are identified by regular expressions.

Every such call on a file under FOLDER or on a socket is a line of JSON in FILE: `call`, `path`, `task`; for a sync
another one, with `done`, when it came back. The path of a socket is its name and the first line of what is sent.
SOCKET takes lists of rules (see `Rule`), a line of JSON each, which replace the earlier ones and are counted from then
on; the reply to each is how often the previous rules matched. The tracer ends with the program's status, and passes
SIGTERM on to it.
"""

import argparse
import ctypes
import errno
import heapq
import json
import os
import platform
import re
import signal
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from streamtime.media.confinement.confine import set_no_new_privileges
from streamtime.media.confinement.seccomp import install_filter, prctl

X86_64, AARCH64 = "x86_64", "aarch64"

CALLS: dict[str, dict[str, int]] = {
    "write": {X86_64: 1, AARCH64: 64},
    "writev": {X86_64: 20, AARCH64: 66},
    "pwrite64": {X86_64: 18, AARCH64: 68},
    "pwritev": {X86_64: 296, AARCH64: 70},
    "sendto": {X86_64: 44, AARCH64: 206},
    "sendmsg": {X86_64: 46, AARCH64: 211},
    "sendfile": {X86_64: 40, AARCH64: 71},
    "fsync": {X86_64: 74, AARCH64: 82},
    "fdatasync": {X86_64: 75, AARCH64: 83},
    "ftruncate": {X86_64: 77, AARCH64: 46},
    "fallocate": {X86_64: 285, AARCH64: 47},
    "open": {X86_64: 2},
    "openat": {X86_64: 257, AARCH64: 56},
    "rename": {X86_64: 82},
    "renameat": {X86_64: 264, AARCH64: 38},
    "renameat2": {X86_64: 316, AARCH64: 276},
    "link": {X86_64: 86},
    "linkat": {X86_64: 265, AARCH64: 37},
    "mkdir": {X86_64: 83},
    "mkdirat": {X86_64: 258, AARCH64: 34},
    "rmdir": {X86_64: 84},
    "unlink": {X86_64: 87},
    "unlinkat": {X86_64: 263, AARCH64: 35},
}
SYNCS = ("fsync", "fdatasync")
BY_NAME = {
    "open": 0, "rename": 1, "link": 1, "mkdir": 0, "rmdir": 0, "unlink": 0,
    "openat": 1, "renameat": 3, "renameat2": 3, "linkat": 3, "mkdirat": 1, "unlinkat": 1,
}  # fmt: skip
"""The index of the path argument; of two paths the new one. All other calls have a descriptor first."""

SHOWN_BYTES = 64
"""Bytes of sent data that are read."""

_SEIZE, _LISTEN, _CONT, _SYSCALL, _GET_SYSCALL_INFO = 0x4206, 0x4208, 7, 24, 0x420E
_GETREGSET, _SETREGSET, _NT_PRSTATUS, _NT_ARM_SYSTEM_CALL = 0x4204, 0x4205, 1, 0x404
_PR_SET_PDEATHSIG = 1
_OPTIONS = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x80 | 0x100000
"""Mark system calls; follow fork, vfork, clone and exec; stop where the filter says; end all of it with the tracer."""
_EVENT_SECCOMP, _EVENT_STOP = 7, 128
_WALL = 0x40000000
_AT_FDCWD = -100 & 0xFFFFFFFF
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long


@dataclass
class Rule:
    """The effect on matching calls: `call` (whole name) and `path` (part of it) are regular expressions.

    It holds from the `first` matching call to the `last` one (for ever if None). `then` is "kill" (the program, before
    the call is made), "refuse" (the call fails with `value`, an error number) or "wait" (`value` milliseconds before
    it is made).
    """

    call: str
    path: str
    then: str
    value: int = 0
    first: int = 1
    last: int | None = None
    seen: int = field(default=0, init=False)

    def matches(self, call: str, path: str) -> bool:
        """Whether it matches this call, which is counted."""
        if not re.fullmatch(self.call, call) or not re.search(self.path, path):
            return False
        self.seen += 1
        return self.seen >= self.first and (self.last is None or self.seen <= self.last)


@dataclass(frozen=True)
class Call:
    """A system call that is about to be made."""

    name: str
    path: str


class Tracer:
    """One program and its children."""

    def __init__(self, under: str, trace: TextIO) -> None:
        self.rules: list[Rule] = []
        self._under = under
        self._trace = trace
        self._names = {numbers[platform.machine()]: name for name, numbers in CALLS.items() if _here(numbers)}
        self._program = 0
        self._tasks: set[int] = set()
        self._waiting: list[tuple[float, int, int]] = []
        self._syncing: dict[int, Call] = {}

    def note(self, **facts: object) -> None:
        """Add a line to the trace."""
        self._trace.write(json.dumps(facts) + "\n")

    def run(self, command: list[str], control: socket.socket) -> int:
        """Run it to its end, accepting rules meanwhile, and return its exit status, negative for a signal."""
        heard = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, heard)
        self._program = _started(command, before, self._filter())
        self._tasks.add(self._program)
        threading.Thread(target=_listen, args=(self, control), daemon=True).start()
        ended = 0
        while self._tasks:
            number = self._next_signal(heard)
            if number in {signal.SIGTERM, signal.SIGINT}:
                with suppress(ProcessLookupError):
                    os.kill(self._program, number)
            while (status := self._reaped()) is not None:
                ended = status if status != _NOT_THE_PROGRAM else ended
            self._release()
        return ended

    def _next_signal(self, heard: set[signal.Signals]) -> int:
        if not self._waiting:
            return signal.sigwait(heard)
        found = signal.sigtimedwait(heard, max(0.0, self._waiting[0][0] - time.monotonic()))
        return found.si_signo if found else 0

    def _reaped(self) -> int | None:
        """Handle one stopped task; None if there is none."""
        try:
            task, status = os.waitpid(-1, _WALL | os.WNOHANG)
        except ChildProcessError:
            self._tasks.clear()
            return None
        if task == 0:
            return None
        self._tasks.add(task)
        if os.WIFSTOPPED(status):
            self._stopped(task, os.WSTOPSIG(status), status >> 16)
            return _NOT_THE_PROGRAM
        self._tasks.discard(task)
        return os.waitstatus_to_exitcode(status) if task == self._program else _NOT_THE_PROGRAM

    def _stopped(self, task: int, number: int, event: int) -> None:
        if event == _EVENT_SECCOMP:
            self._before(task)
        elif event == _EVENT_STOP and number != signal.SIGTRAP:
            _ask(_LISTEN, task, 0)  # a stop signal: it stays stopped
        elif event:
            _ask(_CONT, task, 0)
        elif number == signal.SIGTRAP | 0x80:
            call = self._syncing.pop(task)
            self.note(call=call.name, path=call.path, task=task, done=True)
            _ask(_CONT, task, 0)
        else:
            _ask(_CONT, task, number)

    def _before(self, task: int) -> None:
        try:
            call = self._read_call(task)
        except (OSError, KeyError):  # it was killed meanwhile
            call = None
        if call is None:
            _ask(_CONT, task, 0)
            return
        rule = next((rule for rule in self.rules if rule.matches(call.name, call.path)), None)
        self._note(task, call, rule)
        goes_on = _SYSCALL if call.name in SYNCS else _CONT
        if goes_on == _SYSCALL:
            self._syncing[task] = call
        if rule is None:
            _ask(goes_on, task, 0)
        elif rule.then == "kill":
            os.kill(self._program, signal.SIGKILL)
            _ask(goes_on, task, 0)
        elif rule.then == "refuse":
            self._syncing.pop(task, None)
            _refuse(task, rule.value)
            _ask(_CONT, task, 0)
        else:
            heapq.heappush(self._waiting, (time.monotonic() + rule.value / 1000, task, goes_on))

    def _release(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, task, goes_on = heapq.heappop(self._waiting)
            _ask(goes_on, task, 0)

    def _note(self, task: int, call: Call, rule: Rule | None) -> None:
        then = {} if rule is None else {"then": rule.then}
        self.note(call=call.name, path=call.path, task=task, **then)

    def _read_call(self, task: int) -> Call | None:
        """The call that a task is about to make, or None if it is not of interest."""
        info = _Info()
        _ask(_GET_SYSCALL_INFO, task, ctypes.sizeof(info), ctypes.addressof(info), strict=True)
        name = self._names[info.number]
        arguments = tuple(info.arguments)
        if name in BY_NAME:
            if name.startswith("open") and not arguments[BY_NAME[name] + 1] & os.O_CREAT:
                return None
            path = _named(task, name, arguments)
        else:
            path = _open(task, arguments[0])
            if path.startswith("socket:"):
                path += " " + _sent(task, name, arguments).split(b"\r\n")[0].decode("latin-1")
        ours = path == self._under or path.startswith((f"{self._under}/", "socket:"))
        return Call(name, path) if ours else None

    def _filter(self) -> bytes:
        program = [(_LOAD, 0, 0, 0)]
        for number in self._names:
            program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _TRACE)]
        program.append((_RETURN, 0, 0, _ALLOW))
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


_NOT_THE_PROGRAM = 1 << 20


class _Info(ctypes.Structure):
    """`struct ptrace_syscall_info` of linux/ptrace.h at the entry of a call."""

    _fields_ = [
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("data", ctypes.c_uint32),
    ]


def _here(numbers: dict[str, int]) -> bool:
    return platform.machine() in numbers


def _started(command: list[str], mask: set[int], program: bytes) -> int:
    """Start the command under the filter, attached before its first call."""
    go, begun = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(begun)
            os.read(go, 1)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            set_no_new_privileges()
            install_filter(program)
            os.execvp(command[0], command)  # noqa: S606  # it is to be this very process
        finally:
            os._exit(127)
    os.close(go)
    _ask(_SEIZE, child, 0, _OPTIONS, strict=True)
    os.write(begun, b".")
    os.close(begun)
    return child


def _ask(request: int, task: int, address: int, data: int = 0, *, strict: bool = False) -> None:
    """One ptrace request; a task that was killed meanwhile is an error only if `strict`."""
    if request in {_CONT, _SYSCALL, _LISTEN}:
        address, data = 0, address
    answer = _libc.ptrace(ctypes.c_long(request), ctypes.c_long(task), ctypes.c_void_p(address), ctypes.c_void_p(data))
    if answer < 0:
        number = ctypes.get_errno()
        if strict or number != errno.ESRCH:
            raise OSError(number, f"ptrace {request:#x}: {os.strerror(number)}")


def _open(task: int, descriptor: int) -> str:
    with suppress(FileNotFoundError):
        return str(Path(f"/proc/{task}/fd/{descriptor & 0xFFFFFFFF}").readlink())
    return ""


def _named(task: int, name: str, arguments: tuple[int, ...]) -> str:
    at = BY_NAME[name]
    path = _memory(task, arguments[at], 4096).split(b"\0", 1)[0].decode(errors="replace")
    if path.startswith("/"):
        return path
    folder = arguments[at - 1] & 0xFFFFFFFF if name.endswith(("at", "at2")) else _AT_FDCWD
    base = str(Path(f"/proc/{task}/cwd").readlink()) if folder == _AT_FDCWD else _open(task, folder)
    return os.path.normpath(f"{base}/{path}")


def _sent(task: int, name: str, arguments: tuple[int, ...]) -> bytes:
    """The first bytes that are sent to a socket."""
    address, length = arguments[1], arguments[2]
    if name == "sendfile":
        return b""
    if name == "sendmsg":
        address, length = struct.unpack("=QQ", _memory(task, address + 16, 16))
    if name in {"sendmsg", "writev"}:
        if length == 0:
            return b""
        address, length = struct.unpack("=QQ", _memory(task, address, 16))
    return _memory(task, address, min(length, SHOWN_BYTES))


def _memory(task: int, address: int, length: int) -> bytes:
    with suppress(OSError), Path(f"/proc/{task}/mem").open("rb", 0) as memory:
        memory.seek(address)
        return memory.read(length)
    return b""


def _refuse(task: int, number: int) -> None:
    """Make a call fail without executing it."""
    registers = (ctypes.c_uint64 * 34)()
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(registers), ctypes.sizeof(registers))
    _ask(_GETREGSET, task, _NT_PRSTATUS, ctypes.addressof(vector), strict=True)
    if platform.machine() == X86_64:
        registers[15] = 0xFFFFFFFFFFFFFFFF  # orig_rax: skip the call
        registers[10] = -number & 0xFFFFFFFFFFFFFFFF  # rax: the result
    else:
        registers[0] = -number & 0xFFFFFFFFFFFFFFFF
        none = ctypes.c_int(-1)
        instead = (ctypes.c_uint64 * 2)(ctypes.addressof(none), ctypes.sizeof(none))
        _ask(_SETREGSET, task, _NT_ARM_SYSTEM_CALL, ctypes.addressof(instead), strict=True)
    _ask(_SETREGSET, task, _NT_PRSTATUS, ctypes.addressof(vector), strict=True)


def _listen(tracer: Tracer, control: socket.socket) -> None:
    """Accept rules while the program runs."""
    while True:
        connection, _ = control.accept()
        with connection, connection.makefile("rw") as lines:
            for line in lines:
                given = [Rule(**rule) for rule in json.loads(line)]
                before, tracer.rules = tracer.rules, given
                lines.write(json.dumps([rule.seen for rule in before]) + "\n")
                lines.flush()


def main() -> None:
    """Read the options and run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--under", required=True)
    parser.add_argument("--trace", required=True, type=Path)
    parser.add_argument("--control", required=True, type=Path)
    parser.add_argument("--rules", type=json.loads, default=[], help="those that hold from the beginning")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))  # ends with the tests, however these end, and its children with it
    options.control.unlink(missing_ok=True)
    with options.trace.open("a", buffering=1) as trace, socket.socket(socket.AF_UNIX) as control:
        tracer = Tracer(options.under, trace)
        tracer.rules = [Rule(**rule) for rule in options.rules]
        control.bind(str(options.control))
        control.listen()
        status = tracer.run(options.command, control)
    sys.stdout.flush()
    os._exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
