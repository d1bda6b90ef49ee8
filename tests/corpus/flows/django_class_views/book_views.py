"""Views that are classes."""

import os
import subprocess
from pathlib import Path

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import connection
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.html import escape, format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import (
    CreateView,
    DeleteView,
    DetailView,
    FormView,
    ListView,
    RedirectView,
    TemplateView,
    UpdateView,
)

from . import book_forms as forms
from .book_models import Author, Book

SORTED = {"title": "title", "new": "id DESC"}


class BookSearch(View):
    """`get` and `post` are called by the library; so is `dispatch`."""

    form_class = forms.SearchForm

    def dispatch(self, request, *args, **kwargs):
        os.system("echo " + request.GET["before"])  # flag command-injection
        return super().dispatch(request, *args, **kwargs)

    def get(self, request, shelf, pk):
        os.system("echo " + shelf)  # flag command-injection
        os.system(f"echo {pk}")
        books = Book.objects.titled(request.GET["title"])
        books = Book.objects.bound(request.GET["title"])
        Book.objects.counted(SORTED.get(request.GET["column"], "title"))
        return render(request, "books.html", {"books": books, "shelf": shelf})

    def post(self, request, *args, **kwargs):
        form = forms.SearchForm(request.POST)
        if not form.is_valid():
            return render(request, "search.html", {"form": form})
        title = form.cleaned_data["title"]
        Book.objects.counted(form.cleaned_data.get("column"))
        os.system("echo " + kwargs["shelf"])  # flag command-injection
        if "escaped" in request.POST:
            return HttpResponse(escape(title))
        if title == "shown":
            return HttpResponse("<p>" + title)
        if "shown" in request.POST:
            return HttpResponse("<p>" + title)  # flag cross-site-scripting
        return HttpResponse(format_html("<p>{}</p>", title))

    def put(self, request):
        return self.store(request.body)

    def store(self, body):
        subprocess.run(b"store " + body, shell=True)  # flag command-injection
        subprocess.run(["store"], input=body)
        return HttpResponse(status=201)


class BookList(LoginRequiredMixin, ListView):
    model = Book
    template_name = "books.html"

    def get_queryset(self):
        found = super().get_queryset()
        wanted = self.request.GET.get("title", "")
        shelf = self.kwargs["shelf"]
        if shelf == "raw":
            return found.extra(where=["title = '%s'" % wanted])  # flag sql-injection
        if shelf == "named":
            return Book.objects.extra(where=["shelf = '" + shelf + "'"])
        if self.args:
            return Book.objects.extra(where=["shelf = '" + self.kwargs["shelf"] + "'"])  # flag sql-injection
        return found.filter(title=wanted, shelf=shelf).order_by(SORTED.get(wanted, "title"))

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context["wanted"] = self.request.GET.get("title")
        context["marked"] = mark_safe("<i>" + self.request.GET.get("title") + "</i>")  # flag cross-site-scripting
        context["count"] = self.get_queryset().count()
        return context


class BookDetail(DetailView):
    model = Book

    def get_object(self, queryset=None):
        book = get_object_or_404(Book, pk=self.kwargs["pk"], title=self.request.GET["title"])
        os.system("touch " + book.cover.path)
        return book


class BookCreate(CreateView):
    form_class = forms.BookForm
    success_url = reverse_lazy("books")

    def form_valid(self, form):
        book = form.save(commit=False)
        book.author = Author.objects.get(name=form.cleaned_data["author"])
        os.system("index " + book.title)
        os.system("index " + form.cleaned_data["title"])  # flag command-injection
        return super().form_valid(form)


class BookUpdate(UpdateView):
    model = Book
    fields = ["title"]

    def get_success_url(self):
        target = self.request.POST.get("next")
        if target == "book":
            return reverse("book", args=[self.object.pk])
        if url_has_allowed_host_and_scheme(target, {self.request.get_host()}):
            return target
        return self.request.POST["next"]  # flag open-redirect


class BookDelete(DeleteView):
    model = Book

    def post(self, request, *args, **kwargs):
        if request.POST.get("cancel"):
            return HttpResponseRedirect(request.POST["cancel"])  # flag open-redirect
        return super().post(request, *args, **kwargs)

    def get_success_url(self):
        return reverse("books")


class Subscribe(FormView):
    form_class = forms.SearchForm

    def form_valid(self, form):
        with connection.cursor() as cursor:
            title = form.cleaned_data["title"]
            cursor.execute("INSERT INTO reader VALUES (%s)", [title])
            cursor.execute("INSERT INTO reader VALUES ('%s')" % title)  # flag sql-injection
        return redirect(self.get_success_url())

    def get_success_url(self):
        return "/thanks?title=" + self.request.POST["title"]


class Page(TemplateView):
    def get_context_data(self, name, **kwargs):
        text = Path("/srv/pages", name).read_text()  # flag path-traversal
        return super().get_context_data(text=text, **kwargs)


class Away(RedirectView):
    permanent = False

    def get_redirect_url(self, *args, **kwargs):
        if "inside" in kwargs:
            return reverse("book", kwargs=kwargs)
        return kwargs["address"]  # flag open-redirect


@method_decorator(csrf_exempt, name="dispatch")
class Hook(View):
    async def post(self, request):
        os.system(request.headers["X-Command"])  # flag command-injection
        return HttpResponse()

    @staticmethod
    def unrelated(request):
        return "echo " + str(request)


class Own:
    """No class of the library: nobody calls `get`, but a request is a request."""

    def get(self, request, name):
        os.system("echo " + name)
        os.system("echo " + request.GET["name"])  # flag command-injection


def cover(request, pk, name):
    book = get_object_or_404(Book, pk=pk)
    os.system(f"show {pk} " + book.title)
    return HttpResponse(open("/srv/covers/" + name, "rb"), content_type="image/png")  # flag path-traversal


def thumbnail(request, pk, size):
    os.system(f"scale {pk} {size}")
    return HttpResponse()
