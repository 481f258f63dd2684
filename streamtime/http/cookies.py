"""Cookies, all with the same attributes. Those of the whole host have a name that browsers bind to it over https."""

from litestar.datastructures import Cookie


def host_cookie_name(name: str, *, secure: bool) -> str:
    """Return the name of a cookie for all paths.

    The prefix makes browsers require Secure, no Domain, and Path=/, so that no other host can set the cookie.
    """
    return f"__Host-{name}" if secure else name


def make_cookie(name: str, value: str, max_age_s: int, *, secure: bool, path: str = "/") -> Cookie:
    """Return a cookie that scripts cannot read. From other sites it is sent only with links and redirects to us."""
    return Cookie(key=name, value=value, max_age=max_age_s, path=path, httponly=True, secure=secure, samesite="lax")


def expired_cookie(name: str, *, secure: bool, path: str = "/") -> Cookie:
    """Return a cookie that makes the browser delete the one with this name and path."""
    return make_cookie(name, "", 0, secure=secure, path=path)
