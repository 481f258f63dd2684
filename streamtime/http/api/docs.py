"""/api/docs: the OpenAPI document as pages, from files of our own."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.http.requests import PageRequest
from streamtime.http.templates import Templates

OPENAPI_PATH = "/api/openapi.json"


@get("/api/docs", include_in_schema=False)
async def docs(request: PageRequest, templates: NamedDependency[Templates]) -> Response[str]:
    """The API, to read and to try."""
    return templates.page(request, "pages/docs.html", title="API", openapi_url=OPENAPI_PATH)
