"""Where programs set cookies: the responses of the web frameworks, and how their arguments are called."""

from collections.abc import Iterator
from typing import NamedTuple

from casemate.readers.code import Call, Code, Value

RESPONSES = {
    "flask": "Response", "flask.wrappers": "Response", "werkzeug.wrappers": "Response",
    "werkzeug.sansio.response": "Response", "quart": "Response",
    "django.http": "HttpResponse HttpResponseRedirect JsonResponse",
    "django.http.response": "HttpResponseBase HttpResponse HttpResponseRedirect JsonResponse",
    "rest_framework.response": "Response",
    "starlette.responses": "Response HTMLResponse JSONResponse PlainTextResponse RedirectResponse",
    "fastapi": "Response", "fastapi.responses": "Response HTMLResponse JSONResponse PlainTextResponse RedirectResponse",
    "aiohttp.web": "Response StreamResponse", "aiohttp.web_response": "Response StreamResponse",
    "webob": "Response", "webob.response": "Response", "pyramid.response": "Response",
    "bottle": "Response BaseResponse LocalResponse HTTPResponse response", "falcon": "Response",
    "falcon.response": "Response", "tornado.web": "RequestHandler", "sanic.response": "HTTPResponse",
    "sanic.response.types": "HTTPResponse BaseHTTPResponse",
}  # fmt: skip
METHODS = ("set_cookie", "set_signed_cookie", "set_secure_cookie", "add_cookie")
SETTERS = tuple(
    f"{module}.{kind}.{method}" for module, kinds in RESPONSES.items() for kind in kinds.split() for method in METHODS
)
FRAMEWORKS = tuple(sorted({module.partition(".")[0] for module in RESPONSES}))


class Cookie(NamedTuple):
    """One call that sets a cookie: `name` is its name, or the text of the expression that gives it."""

    call: Call
    name: str
    value: Value | None


def cookies(code: Code) -> Iterator[Cookie]:
    """Yield the cookies that are set in a file through an object that is known to be a response."""
    for call in code.calls(*SETTERS):
        key = call.argument("key", 0) or call.argument("name", 0)
        name = "" if key is None else key.constant if isinstance(key.constant, str) else key.text
        yield Cookie(call, name, call.argument("value", 1))
