"""Views and models that can be known by what everybody calls them, although the file does not import Django."""

import os

from project.base import Table


class Person(Table):
    name = "text"


def view(request):
    os.system("finger " + request.POST.get("name"))  # flag command-injection
    Person.objects.raw("SELECT * FROM person WHERE name = '%s'" % request.GET["name"])  # flag sql-injection
    Person.objects.raw("SELECT * FROM person WHERE name = %s", [request.GET["name"]])
    Person.objects.filter(name=request.GET["name"])


def helper(request):
    os.system("finger " + request.user)
    request.objects.raw(request.name)
