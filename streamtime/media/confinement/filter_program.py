"""Assembles a program for the kernel's filter machine (classic BPF), which judges every system call.

It knows instructions and the layout of what they look at, nothing of which calls are good. Each call has a block
that starts with its number and ends with a verdict, so that no jump is longer than a block.
"""

import errno
import struct

from streamtime.media.confinement.system_calls import Architecture, Condition, Rules

_INSTRUCTION = struct.Struct("=HBBI")

_LOAD, _AND, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_AT_NUMBER, _AT_MACHINE, _AT_ARGUMENTS = 0, 4, 16
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def assemble(machine: Architecture, rules: Rules, absent: tuple[str, ...]) -> bytes:
    """Allow what `rules` allow, answer ENOSYS to what is `absent`, EPERM to all else; another machine's call kills.

    A call that this machine does not have is passed over.
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
        program += _block(numbers[name], [_refusal(errno.ENOSYS)])
    program.append(_refusal(errno.EPERM))
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
        left = len(condition.allowed_values)
        for value in condition.allowed_values:
            # Over the values that are left and the refusal, to what comes next.
            block.append(_instruction(_JUMP_IF_EQUAL, value, if_true=left))
            left -= 1
        block.append(_refusal(errno.EPERM))
    return [*block, _instruction(_RETURN, _ALLOW)]


def _refusal(number: int) -> bytes:
    return _instruction(_RETURN, _REFUSE | number)


def _instruction(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_true, if_false, value)
