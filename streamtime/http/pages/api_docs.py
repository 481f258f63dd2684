"""/api/docs: the OpenAPI document as HTML pages, one for each tag."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from litestar import Litestar, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from streamtime.errors import NotFound
from streamtime.http.requests import PageRequest
from streamtime.http.templates import Templates

OPENAPI_PATH = "/api/openapi.json"
BASE_PATH = "/api/docs"

Document: TypeAlias = Mapping[str, Any]
"""The OpenAPI document or a part of it, as decoded JSON."""

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of text. `kind` is `text`, `code`, or `schema` for the name of a schema on the page."""

    text: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """A parameter, or a member of a schema."""

    name: str
    type: list[TextPiece]
    place: str = ""
    required: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class ResponseDoc:
    """A possible response; `type` is empty if it has no body."""

    status: str
    description: str
    type: list[TextPiece]
    headers: list[str]


@dataclass(frozen=True, slots=True)
class OperationDoc:
    """One method of one path."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: list[list[TextPiece]]
    parameters: list[FieldDoc]
    body: list[tuple[str, list[TextPiece]]]
    """Media types of the request body, with their schema types."""
    answers: list[ResponseDoc]
    problems: list[tuple[str, str]]
    """Statuses of RFC 9457 problem responses, with their titles."""


@get(BASE_PATH, include_in_schema=False)
async def docs(request: PageRequest, templates: NamedDependency[Templates]) -> Response[str]:
    """Show all operations by tag."""
    document = _document(request.app)
    about = paragraphs_of(document["info"].get("description", ""))
    groups = [(tag, operations_of(document, tag)) for tag in tags_of(document)]
    return templates.page(
        request, "pages/docs.html", title="API", openapi_url=OPENAPI_PATH, about=about, groups=groups, here=BASE_PATH
    )


@get(BASE_PATH + "/{tag:str}", include_in_schema=False)
async def docs_of_tag(request: PageRequest, tag: FromPath[str], templates: NamedDependency[Templates]) -> Response[str]:
    """Show the operations of one tag, and the schemas that they reference.

    Raises:
        NotFound: there is no such tag.
    """
    document = _document(request.app)
    operations = operations_of(document, tag)
    if not operations:
        raise NotFound
    return templates.page(
        request,
        "pages/docs-tag.html",
        title=f"API: {tag}",
        tag=tag,
        tags=tags_of(document),
        operations=operations,
        schemas=[(name, schema_of(document, name)) for name in _schemas_of_tag(document, tag)],
        here=BASE_PATH,
    )


def tags_of(document: Document) -> list[str]:
    """Return all tags, in the order of their first operation."""
    return list(dict.fromkeys(tag for *_, operation in _operations(document) for tag in operation.get("tags", ())))


def operations_of(document: Document, tag: str) -> list[OperationDoc]:
    """Return the operations of a tag, in the order of the document."""
    return [
        _operation(path, method, operation)
        for path, method, operation in _operations(document)
        if tag in operation.get("tags", ())
    ]


def schema_of(document: Document, name: str) -> tuple[list[list[TextPiece]], list[FieldDoc], list[TextPiece]]:
    """Return a schema's description, its members if it is an object, and its type otherwise."""
    schema = document["components"]["schemas"][name]
    required = schema.get("required", ())
    members = [
        FieldDoc(member, type_of(of), required=member in required, description=of.get("description", ""))
        for member, of in schema.get("properties", {}).items()
    ]
    return paragraphs_of(schema.get("description", "")), members, [] if members else type_of(schema)


def type_of(schema: Document) -> list[TextPiece]:
    """Return the type of a schema as readable text."""
    if "$ref" in schema:
        return [TextPiece(str(schema["$ref"]).removeprefix(_SCHEMAS), "schema")]
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            return _joined([type_of(each) for each in schema[key]], " and " if key == "allOf" else " or ")
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return _joined([[TextPiece(str(value), "code")] for value in values if value is not None], " or ")
    if schema.get("type") == "array":
        return [TextPiece("list of "), *type_of(schema.get("items", {}))]
    kind = schema.get("type", "anything")
    name = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    if schema.get("format") == "binary":
        name = "bytes"
    return [TextPiece(name + _bounds(schema))]


def paragraphs_of(text: str) -> list[list[TextPiece]]:
    """Split a description into paragraphs; text in backticks is code."""
    blocks = [" ".join(block.split()) for block in text.split("\n\n")]
    return [
        [TextPiece(part, "code" if at % 2 else "text") for at, part in enumerate(block.split("`")) if part]
        for block in blocks
        if block
    ]


@lru_cache(maxsize=1)
def _document(app: Litestar) -> Document:
    return app.openapi_schema.to_schema()


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        yield from ((path, method, item[method]) for method in _METHODS if method in item)


def _operation(path: str, method: str, operation: Document) -> OperationDoc:
    answers, problems = [], []
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if "application/problem+json" in content:
            problems.append((status, answer["description"]))
        else:
            found = [piece for media in content.values() for piece in type_of(media.get("schema", {}))]
            answers.append(ResponseDoc(status, answer.get("description", ""), found, [*answer.get("headers", {})]))
    body = operation.get("requestBody", {}).get("content", {})
    return OperationDoc(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", path),
        paragraphs=paragraphs_of(operation.get("description", "")),
        parameters=[
            FieldDoc(
                each["name"], type_of(each.get("schema", {})), each["in"], each.get("required", False),
                each.get("description", ""),
            )
            for each in operation.get("parameters", ())
        ],
        body=[(media, type_of(content.get("schema", {}))) for media, content in body.items()],
        answers=answers,
        problems=problems,
    )  # fmt: skip


def _schemas_of_tag(document: Document, tag: str) -> list[str]:
    """Return the names of all schemas that the operations of a tag reference, directly or indirectly, sorted."""
    pending = [operation for *_, operation in _operations(document) if tag in operation.get("tags", ())]
    found: set[str] = set()
    while pending:
        for name in _references(pending.pop()):
            if name not in found:
                found.add(name)
                pending.append(document["components"]["schemas"][name])
    return sorted(found)


def _references(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(reference := part.get("$ref"), str):
            yield reference.removeprefix(_SCHEMAS)
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _joined(types: list[list[TextPiece]], word: str) -> list[TextPiece]:
    joined: list[TextPiece] = []
    for each in types:
        joined += [TextPiece(word), *each] if joined else each
    return joined


def _bounds(schema: Document) -> str:
    """Return the bounds of a number or of a text's length as readable text; empty without bounds."""
    minimum, maximum = (
        bound if bound is None or bound % 1 else int(bound)
        for bound in (schema.get("minimum", schema.get("minLength")), schema.get("maximum", schema.get("maxLength")))
    )
    unit = " characters" if "minLength" in schema or "maxLength" in schema else ""
    if minimum is not None and maximum is not None:
        return f", {minimum} to {maximum}{unit}"
    if maximum is not None:
        return f", at most {maximum}{unit}"
    return "" if minimum is None else f", at least {minimum}{unit}"
