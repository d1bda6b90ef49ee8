"""Functions as views of Django, routes in the same file: what a request brings, and where it arrives."""

import json
import os
import pickle
import subprocess
import urllib.request

from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_required, permission_required
from django.core import signing
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.mail import EmailMessage, send_mail
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseNotFound,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.template import Context, Engine, Template, engines
from django.template.loader import get_template, render_to_string
from django.urls import path, re_path, reverse
from django.utils._os import safe_join
from django.utils.encoding import force_str
from django.utils.html import conditional_escape, escape, format_html, strip_tags
from django.utils.http import url_has_allowed_host_and_scheme, urlencode, urlsafe_base64_decode
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import get_valid_filename, slugify
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.static import serve

FOLDER = "/srv/files"
COLOURS = {"red": "#f00", "blue": "#00f"}


def hello(request):
    name = request.GET.get("name", "nobody")
    if "plain" in request.GET:
        return HttpResponse(f"Hello, {name}", content_type="text/plain")
    if "csv" in request.GET:
        return HttpResponse(name, "text/csv; charset=utf-8")
    if "data" in request.GET:
        return JsonResponse({"name": name})
    if "escaped" in request.GET:
        return HttpResponse("<p>" + escape(name) + "</p>")
    if "again" in request.GET:
        return HttpResponse(content_type="application/json", content=json.dumps({"name": name}))
    if "typed" in request.GET:
        return HttpResponse("<p>" + name, content_type="text/html; charset=utf-8")  # flag cross-site-scripting
    return HttpResponse(f"<p>Hello, {name}</p>")  # flag cross-site-scripting


def colour(request, name, number):
    shade = COLOURS.get(request.GET["shade"], "#000")
    os.system("paint " + shade)
    os.system("paint " + name)  # flag command-injection
    os.system(f"paint {number}")
    os.system("paint " + request.method + " " + str(len(request.body)))
    return HttpResponse("<b style='color: " + shade + "'>")


def errors(request):
    if not request.POST:
        return HttpResponseBadRequest("nothing sent")
    if request.POST["kind"] == "missing":
        return HttpResponseNotFound("no page " + request.POST["page"])  # flag cross-site-scripting
    if request.POST["kind"] == "gone":
        raise Http404("no page " + request.POST["page"])
    return HttpResponseBadRequest(conditional_escape(request.POST["page"]))


def lines(request):
    words = request.GET.getlist("word")
    if request.GET.get("csv"):
        return StreamingHttpResponse((f"{word}\n" for word in words), content_type="text/csv")
    return StreamingHttpResponse(f"<p>{word}" for word in words)  # flag cross-site-scripting


def cookies(request):
    os.system("echo " + request.COOKIES["theme"])  # flag command-injection
    os.system("echo " + request.headers["X-Theme"])  # flag command-injection
    os.system("echo " + request.META.get("HTTP_USER_AGENT", ""))  # flag command-injection
    pickle.loads(request.body)  # flag unsafe-deserialization
    pickle.loads(signing.loads(request.COOKIES["state"]))
    for key in request.POST:
        os.system("echo " + key)  # flag command-injection
    for key, value in request.POST.items():
        os.system("echo " + value)  # flag command-injection
    query = request.GET.copy()
    os.system("echo " + query["q"])  # flag command-injection
    os.system("echo " + json.loads(request.body)["command"])  # flag command-injection
    return HttpResponse()


def decoded(request, uidb64):
    uid = force_str(urlsafe_base64_decode(uidb64))
    subprocess.run("id " + uid, shell=True)  # flag command-injection
    subprocess.run(["id", "--", uid])
    subprocess.run("id " + slugify(uid), shell=True)
    return HttpResponse(status=204)


def leave(request):
    target = request.GET.get("next", "/")
    if request.GET.get("a"):
        return redirect(target)  # flag open-redirect
    if request.GET.get("b"):
        return HttpResponseRedirect(target)  # flag open-redirect
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=True):
        return redirect(target)
    if request.GET.get("c"):
        return redirect("hello", name=target)
    if request.GET.get("d"):
        return redirect(reverse("colour", kwargs={"name": target}))
    if request.GET.get("e"):
        return redirect("/hello?" + urlencode({"name": target}))
    if request.GET.get("f"):
        return redirect(request.path)
    if request.GET.get("g"):
        return HttpResponseRedirect(f"/hello/?name={target}")
    response = HttpResponse(status=302)
    response["X-From"] = target
    response["Location"] = target  # flag open-redirect
    return response


def after_login(request):
    user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        return redirect("login")
    login(request, user)
    os.system("last " + user.username)
    next_page = request.POST.get("next") or "/"
    if not url_has_allowed_host_and_scheme(url=next_page, allowed_hosts=None):
        next_page = "/"
    return redirect(next_page)


def pages(request):
    text = request.POST["text"]
    Template(text)  # flag template-injection
    Engine().from_string(text)  # flag template-injection
    engines["django"].from_string("Hello " + text)  # flag template-injection
    page = Template("Hello {{ text }}").render(Context({"text": text}))
    get_template("hello.html").render({"text": text}, request)
    if text == "shown":
        return HttpResponse(page)
    if text == "loaded":
        return HttpResponse(render_to_string("hello.html", {"text": text}))
    Context({"text": text}, autoescape=False)  # flag cross-site-scripting
    return render(request, "hello.html", {"text": text, "size": len(text)})


def markup(request):
    text = request.GET["text"]
    mark_safe("<b>" + text + "</b>")  # flag cross-site-scripting
    SafeString(text)  # flag cross-site-scripting
    mark_safe("<b>" + escape(text) + "</b>")
    mark_safe(strip_tags(text))  # flag cross-site-scripting
    format_html("<b>" + text + "</b> {}", 1)  # flag cross-site-scripting
    bold = format_html("<b>{}</b>", text)
    return render(request, "page.html", {"bold": mark_safe(bold)})


@require_POST
@login_required
def upload(request):
    file = request.FILES["file"]
    with open(os.path.join(FOLDER, file.name), "wb") as target:
        for chunk in file.chunks():
            target.write(chunk)
    pickle.loads(file.read())  # flag unsafe-deserialization
    default_storage.save(request.POST["folder"], file)
    FileSystemStorage(location=FOLDER).save(file.name, file)
    os.system("file " + str(file.size))
    return HttpResponse("stored")


@permission_required("files.read")
def download(request, name):
    if request.GET.get("a"):
        return FileResponse(open(os.path.join(FOLDER, name), "rb"))  # flag path-traversal
    if request.GET.get("b"):
        return FileResponse(open(safe_join(FOLDER, name), "rb"), as_attachment=True, filename=name)
    if request.GET.get("c"):
        return FileResponse(open(os.path.join(FOLDER, get_valid_filename(name)), "rb"))
    if request.GET.get("d"):
        return FileResponse(default_storage.open(name))
    if request.GET.get("e"):
        return FileResponse(open(default_storage.path(name), "rb"))
    if request.GET.get("f"):
        return serve(request, name, document_root=FOLDER)
    return HttpResponse(open(FOLDER + "/" + name).read())  # flag path-traversal


@csrf_exempt
async def fetch(request):
    urllib.request.urlopen(request.POST["address"])  # flag server-side-request-forgery
    urllib.request.urlopen("https://api.example.org/" + request.POST["address"])
    return HttpResponse()


def mail(request):
    send_mail("Re: " + request.POST["subject"], request.POST["text"], None, ["desk@example.org"])
    EmailMessage(request.POST["subject"], request.POST["text"], to=["desk@example.org"]).send()
    return redirect("hello")


def helper(request, word):
    """Nothing calls it: what `word` is nobody knows, but a request is a request."""
    os.system("echo " + word)
    os.system("echo " + request.GET["word"])  # flag command-injection


def wrapped(request, name):
    os.system("echo " + name)  # flag command-injection
    return HttpResponse()


def by_pattern(request, name):
    os.system("echo " + name)  # flag command-injection
    return HttpResponse()


urlpatterns = [
    path("hello/", hello, name="hello"),
    path("colour/<str:name>/<int:number>/", colour, name="colour"),
    path("decoded/<uidb64>/", decoded),
    path("files/<path:name>", download),
    path("leave/", leave),
    path("wrapped/<str:name>", login_required(csrf_exempt(wrapped))),
    re_path(r"^pattern/(?P<name>.+)$", by_pattern),
]
