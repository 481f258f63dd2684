"""Seccomp: restricts the process to an allowlist of system calls. This layer is required.

The list was found by testing every accepted codec and container, x264, AAC and JPEG (tests/hostile/test_codecs.py). The
filter is a classic BPF program, assembled here and installed through ctypes. Each system call has a block that starts
with its number and ends with a verdict, so that no jump is longer than a block.

`syscall` and `prctl` are here too: system calls through the C library, for what Python has no function for.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
from dataclasses import dataclass

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by number and return its result. Integers are passed as longs, other arguments unchanged.

    Raises:
        OSError: if the kernel refuses.
    """
    result: int = _libc.syscall(ctypes.c_long(number), *_as_longs(arguments))
    return _checked(result)


def prctl(option: int, *values: object) -> None:
    """Set one property of this process (`prctl`).

    Raises:
        OSError: if the kernel refuses.
    """
    _checked(_libc.prctl(option, *_as_longs((*values, 0, 0, 0, 0)[:4])))


def _as_longs(arguments: tuple[object, ...]) -> list[object]:
    # A value passed as a C int leaves the upper half of its register undefined.
    return [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


_CLONE_THREAD = 0x10000
_THREAD_CLONE_FLAGS = 0x7D0F00
"""Flags that C libraries set for a thread (glibc: all but one). No new process, no namespace."""

_PROT_EXEC = 4
_AT_EMPTY_PATH = 0x1000
_PR_SET_NAME = 15
_ALLOWED_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
"""Duplicate, and get or set flags. Other commands can send signals to other processes."""

_ALL_BITS = 0xFFFFFFFF


@dataclass(frozen=True)
class Condition:
    """Half of argument number `argument` (from 0), masked, must be one of `allowed_values`."""

    argument: int
    allowed_values: tuple[int, ...]
    mask: int = _ALL_BITS
    upper_half: bool = False


Rules = dict[str, tuple[Condition, ...]]
"""By name of the system call; all its conditions must hold."""


def allowed_calls(pid: int) -> Rules:
    """Return the calls that process `pid` may make."""
    rules: Rules = dict.fromkeys(_UNCONDITIONAL, ())
    not_executable = (Condition(2, (0,), mask=_PROT_EXEC),)
    return rules | {
        "mmap": not_executable,
        "mprotect": not_executable,
        "clone": (
            Condition(0, (_CLONE_THREAD,), mask=_CLONE_THREAD),
            Condition(0, (0,), mask=_ALL_BITS & ~_THREAD_CLONE_FLAGS),
        ),
        "tgkill": (Condition(0, (pid,)),),
        "fcntl": (Condition(1, _ALLOWED_FCNTL_COMMANDS),),
        "prctl": (Condition(0, (_PR_SET_NAME,)),),
        # Reading its own limits, not setting them.
        "prlimit64": (Condition(0, (0, pid)), Condition(2, (0,)), Condition(2, (0,), upper_half=True)),
        # How newer C libraries get the size of an open file.
        "newfstatat": (Condition(3, (_AT_EMPTY_PATH,), mask=_AT_EMPTY_PATH),),
    }


ABSENT = ("clone3",)
"""Calls that return ENOSYS: the C library then starts threads with `clone`, whose flags can be checked."""

_UNCONDITIONAL = (
    # Frequent calls first: old kernels search the filter from the top.
    "futex", "read", "write", "pread64", "madvise", "munmap", "brk", "mremap",
    # Open descriptors, including the socket to the server.
    "pwrite64", "readv", "writev", "lseek", "fstat", "close", "dup", "recvfrom", "recvmsg", "sendto", "poll", "ppoll",
    # Threads.
    "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "gettid", "getpid", "membarrier", "exit",
    "exit_group",
    # Signal handlers of this process.
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
    # Time, random numbers, resource usage.
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom", "sysinfo",
    "uname", "getrusage", "getrlimit", "times", "getcpu",
)  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """One architecture: its number in filters (AUDIT_ARCH), and its system call numbers."""

    audit: int
    numbers: dict[str, int]


_X86_64 = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
    "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "pwrite64": 18,
    "readv": 19, "writev": 20, "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "nanosleep": 35,
    "getpid": 39, "sendto": 44, "recvfrom": 45, "recvmsg": 47, "clone": 56, "exit": 60, "uname": 63, "fcntl": 72,
    "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "sigaltstack": 131,
    "prctl": 157, "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234,
    "newfstatat": 262, "ppoll": 271, "set_robust_list": 273, "prlimit64": 302, "getcpu": 309, "getrandom": 318,
    "membarrier": 324, "rseq": 334, "clone3": 435,
}  # fmt: skip

_AARCH64 = {
    "dup": 23, "fcntl": 25, "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66,
    "pread64": 67, "pwrite64": 68, "ppoll": 73, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94,
    "futex": 98, "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128, "tgkill": 131,
    "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "times": 153, "uname": 160,
    "getrlimit": 163, "getrusage": 165, "prctl": 167, "getcpu": 168, "gettimeofday": 169, "getpid": 172,
    "gettid": 178, "sysinfo": 179, "sendto": 206, "recvfrom": 207, "recvmsg": 212, "brk": 214, "munmap": 215,
    "mremap": 216, "clone": 220, "mmap": 222, "mprotect": 226, "madvise": 233, "prlimit64": 261, "getrandom": 278,
    "membarrier": 283, "rseq": 293, "clone3": 435,
}  # fmt: skip

ARCHITECTURES = {"x86_64": Architecture(0xC000003E, _X86_64), "aarch64": Architecture(0xC00000B7, _AARCH64)}
"""By machine name (`uname -m`). All are little-endian."""


_INSTRUCTION = struct.Struct("=HBBI")

_LOAD, _AND, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_AT_NUMBER, _AT_MACHINE, _AT_ARGUMENTS = 0, 4, 16
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def assemble(machine: Architecture, rules: Rules, absent: tuple[str, ...]) -> bytes:
    """Allow `rules`, return ENOSYS for `absent` and EPERM for the rest; kill on calls of another architecture.

    Calls that the architecture does not have are skipped.
    """
    program = [
        _instruction(_LOAD, _AT_MACHINE),
        _instruction(_JUMP_IF_EQUAL, machine.audit, if_true=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _AT_NUMBER),
    ]
    numbers = machine.numbers
    for name, conditions in rules.items():
        if name in numbers:
            program += _block(numbers[name], _verdict(conditions))
    for name in absent:
        program += _block(numbers[name], [_deny(errno.ENOSYS)])
    program.append(_deny(errno.EPERM))
    return b"".join(program)


def _block(number: int, verdict: list[bytes]) -> list[bytes]:
    return [_instruction(_JUMP_IF_EQUAL, number, if_false=len(verdict)), *verdict]


def _verdict(conditions: tuple[Condition, ...]) -> list[bytes]:
    block: list[bytes] = []
    for condition in conditions:
        block += [
            _instruction(_LOAD, _AT_ARGUMENTS + 8 * condition.argument + 4 * condition.upper_half),
            _instruction(_AND, condition.mask),
        ]
        remaining = len(condition.allowed_values)
        for value in condition.allowed_values:
            # Jump over the remaining values and the denial.
            block.append(_instruction(_JUMP_IF_EQUAL, value, if_true=remaining))
            remaining -= 1
        block.append(_deny(errno.EPERM))
    return [*block, _instruction(_RETURN, _ALLOW)]


def _deny(number: int) -> bytes:
    return _instruction(_RETURN, _REFUSE | number)


def _instruction(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_true, if_false, value)


_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_INSTRUCTION_BYTES = 8


class Unsupported(OSError):
    """There is no allowlist for this machine, or the kernel ignores the filter."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install_allowlist() -> None:
    """Deny every system call that is not on the list, for this thread and its future threads.

    Raises:
        OSError: if the kernel refuses, has no seccomp, or there is no list for this machine.
    """
    machine = ARCHITECTURES.get(platform.machine())
    if machine is None:
        raise Unsupported(f"there is no list of system calls for {platform.machine()}")
    install_filter(assemble(machine, allowed_calls(os.getpid()), ABSENT))
    _self_test()


def install_filter(program: bytes) -> None:
    """Install a filter in addition to those in force.

    Raises:
        OSError: if the kernel refuses.
    """
    prog = _Program(len(program) // _INSTRUCTION_BYTES, program)
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(prog))


def _self_test() -> None:
    # Emulators may accept a filter and ignore it, so test that it works.
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except PermissionError:
        return
    raise Unsupported("a filter was taken and does nothing")
