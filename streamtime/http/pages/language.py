"""The choice of the pages' language, in the menu of every page for visitors."""

from typing import Any

from litestar import Request, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect

from streamtime.auth.access import Caller
from streamtime.errors import Invalid
from streamtime.http.cookies import make_cookie
from streamtime.http.language import COOKIE_NAME, Languages
from streamtime.http.requests import is_secure, local_path, read_form
from streamtime.http.services import AccountServices

_YEAR_S = 365 * 86_400


@post("/language", include_in_schema=False)
async def choose_language(
    request: Request[Any, Any, State],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    languages: NamedDependency[Languages],
) -> Redirect:
    """Set the language of the caller, of a visitor for this browser, and return to the page.

    Raises:
        Invalid: the language is not offered.
    """
    form = await read_form(request, "language", "next")
    if not languages.is_offered(form["language"]):
        raise Invalid("Choose one of the languages.", field="language")
    if caller.user_id is not None:
        await accounts.preferences.change(caller.user_id, page_language=form["language"])
    answer = Redirect(local_path(form["next"]), status_code=303)
    cookie = make_cookie(COOKIE_NAME, form["language"], _YEAR_S, secure=is_secure(request))
    answer.set_cookie(cookie)
    return answer
