"""Codes by time (RFC 6238): six digits from SHA-1, another each half minute, as every app makes them.

It knows keys and codes alone: `factor_codes.py` says that none is good twice.
"""

import hmac

import pyotp

from streamtime.clock import EpochMs

STEP_MS = 30_000
DIGITS = 6

DRIFT_STEPS = 1
"""How far the clock of a phone may be off, either way (RFC 6238, section 6)."""

ISSUER = "Streamtime"
"""What apps call the account, beside its name."""


def generate_secret() -> str:
    """A key of 160 random bits, in base32 (RFC 4226, section 4)."""
    return pyotp.random_base32()


def provisioning_uri(key: str, account: str) -> str:
    """The `otpauth:` address that a QR code hands to an app."""
    return pyotp.TOTP(key).provisioning_uri(name=account, issuer_name=ISSUER)


def matching_step(key: str, code: str, now_ms: EpochMs, *, after: int) -> int | None:
    """The step that `code` is of, if it is near enough to now and later than the step `after`; else None."""
    codes, now = pyotp.TOTP(key, digits=DIGITS), now_ms // STEP_MS
    for step in range(max(now - DRIFT_STEPS, after + 1), now + DRIFT_STEPS + 1):
        if hmac.compare_digest(codes.generate_otp(step).encode(), code.encode()):
            return step
    return None
