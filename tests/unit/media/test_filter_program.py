"""The filter of system calls, run by a small machine of our own: for every architecture, on any of them."""

import errno
import os
import struct

import pytest

from streamtime.media.confinement.seccomp import ABSENT, ARCHITECTURES, allowed_calls, assemble

PID = 4711
ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSED = 0x00050000 | errno.EPERM
MISSING = 0x00050000 | errno.ENOSYS

THREAD_OF_GLIBC, THREAD_OF_MUSL, FORK = 0x3D0F00, 0x7D0F00, 0x01200011
NEW_NETWORK = 0x40000000
EXECUTABLE, WRITABLE = 0b101, 0b011
SOCKET = {"x86_64": 41, "aarch64": 198}


def verdict(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """What the program says of one call."""
    given = struct.pack("=IIQ6Q", number, audit, 0, *(*arguments, *[0] * 6)[:6])
    instructions = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("=I", given, operand)
            case 0x54:
                value &= operand
            case 0x15:
                at += if_true if value == operand else if_false
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"an instruction {code:#x} that no filter needs")


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("read", (3, 1, 100), ALLOW),
        ("pread64", (3, 1, 100, 1 << 40), ALLOW),
        ("exit_group", (0,), ALLOW),
        ("clone", (THREAD_OF_GLIBC,), ALLOW),
        ("clone", (THREAD_OF_MUSL,), ALLOW),
        ("clone", (FORK,), REFUSED),
        ("clone", (THREAD_OF_GLIBC | NEW_NETWORK,), REFUSED),
        ("clone3", (1, 88), MISSING),
        ("mmap", (0, 4096, WRITABLE, 2), ALLOW),
        ("mmap", (0, 4096, EXECUTABLE, 2), REFUSED),
        ("mprotect", (4096, 4096, WRITABLE), ALLOW),
        ("mprotect", (4096, 4096, EXECUTABLE), REFUSED),
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (1, 1, 9), REFUSED),
        ("fcntl", (3, 3, 0), ALLOW),
        ("fcntl", (3, 8, 1), REFUSED),
        ("prctl", (15, 1), ALLOW),
        ("prctl", (22, 2), REFUSED),
        ("prlimit64", (0, 9, 0, 4096), ALLOW),
        ("prlimit64", (0, 9, 4096, 0), REFUSED),
        ("prlimit64", (0, 9, 1 << 32, 0), REFUSED),
        ("prlimit64", (1, 9, 0, 4096), REFUSED),
        ("newfstatat", (3, 4096, 4096, 0x1000), ALLOW),
        ("newfstatat", (3, 4096, 4096, 0), REFUSED),
    ],
)
def test_what_is_allowed(machine: str, name: str, arguments: tuple[int, ...], expected: int) -> None:
    known = ARCHITECTURES[machine]
    program = assemble(known, allowed_calls(PID), ABSENT)
    assert verdict(program, known.audit, known.numbers[name], *arguments) == expected


def test_all_else_is_refused(machine: str) -> None:
    known = ARCHITECTURES[machine]
    program = assemble(known, allowed_calls(PID), ABSENT)
    listed = set(known.numbers.values())
    assert SOCKET[machine] not in listed
    for number in range(1024):
        if number not in listed:
            assert verdict(program, known.audit, number) == REFUSED
    # The numbers of 32-bit programs on x86-64 begin here.
    assert verdict(program, known.audit, 0x40000000) == REFUSED


def test_the_calls_of_another_machine_kill(machine: str) -> None:
    program = assemble(ARCHITECTURES[machine], allowed_calls(PID), ABSENT)
    (other,) = (known.audit for name, known in ARCHITECTURES.items() if name != machine)
    assert verdict(program, other, ARCHITECTURES[machine].numbers["read"]) == KILL


def test_no_program_is_longer_than_the_kernel_takes(machine: str) -> None:
    assert len(assemble(ARCHITECTURES[machine], allowed_calls(os.getpid()), ABSENT)) // 8 <= 4096
