"""The system calls that decoding and encoding need, and nothing else: names, conditions, numbers.

Found by trying (tests/hostile/test_codecs.py): every codec and container that is taken in, x264, AAC and JPEG.
"""

from dataclasses import dataclass

_CLONE_THREAD = 0x10000
_CLONE_FLAGS_OF_THREADS = 0x7D0F00
"""What the C libraries set for a thread: glibc all but one bit of these. No new process, no namespace."""

_PROT_EXEC = 4
_AT_EMPTY_PATH = 0x1000
_PR_SET_NAME = 15
_FCNTL_HARMLESS = (0, 1, 2, 3, 4, 1030)
"""Duplicate, and read or set flags. With others a process can have signals sent to a stranger."""

_WHOLE = 0xFFFFFFFF


@dataclass(frozen=True)
class Condition:
    """Half of argument number `argument` (from 0), masked, must be one of `allowed_values`."""

    argument: int
    allowed_values: tuple[int, ...]
    mask: int = _WHOLE
    upper_half: bool = False


Rules = dict[str, tuple[Condition, ...]]
"""By name of the system call: all its conditions must hold."""


def allowed_calls(pid: int) -> Rules:
    """The calls that process `pid` may make."""
    rules: Rules = dict.fromkeys(_UNCONDITIONAL, ())
    not_executable = (Condition(2, (0,), mask=_PROT_EXEC),)
    return rules | {
        "mmap": not_executable,
        "mprotect": not_executable,
        "clone": (
            Condition(0, (_CLONE_THREAD,), mask=_CLONE_THREAD),
            Condition(0, (0,), mask=_WHOLE & ~_CLONE_FLAGS_OF_THREADS),
        ),
        "tgkill": (Condition(0, (pid,)),),
        "fcntl": (Condition(1, _FCNTL_HARMLESS),),
        "prctl": (Condition(0, (_PR_SET_NAME,)),),
        # Asking for a limit of one's own, not setting one.
        "prlimit64": (Condition(0, (0, pid)), Condition(2, (0,)), Condition(2, (0,), upper_half=True)),
        # How new C libraries ask for the size of an open file.
        "newfstatat": (Condition(3, (_AT_EMPTY_PATH,), mask=_AT_EMPTY_PATH),),
    }


ABSENT = ("clone3",)
"""Calls that seem not to exist: the C library then starts threads with `clone`, whose flags can be looked at."""

_UNCONDITIONAL = (
    # Often first: an old kernel looks for each call from the top.
    "futex", "read", "write", "pread64", "madvise", "munmap", "brk", "mremap",
    # Descriptors in hand, the socket to the server among them.
    "pwrite64", "readv", "writev", "lseek", "fstat", "close", "dup", "recvfrom", "recvmsg", "sendto", "poll", "ppoll",
    # Threads.
    "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "gettid", "getpid", "membarrier", "exit",
    "exit_group",
    # Signals to oneself.
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
    # Time, chance, what one uses.
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom", "sysinfo",
    "uname", "getrusage", "getrlimit", "times", "getcpu",
)  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """One architecture: how the kernel names it in filters, and the numbers of its system calls."""

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
"""By the name that the kernel gives itself (`uname -m`). Both are little-endian."""
