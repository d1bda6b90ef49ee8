"""Django's database layer: statements made of text, and all that is bound or checked."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection, connections, models, transaction
from django.db.models import Count, F, Func, Manager, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_list_or_404, get_object_or_404, render
from django.utils.dateparse import parse_date

ORDERS = {"name": "name", "born": "born DESC"}


class PersonQuerySet(QuerySet):
    def named(self, name):
        return self.filter(name=name)

    def of_year(self):
        return self.extra(where=["born = 1900"])


class Archive(Manager):
    def older(self, year):
        return self.raw("SELECT * FROM person WHERE born < " + year)  # flag sql-injection

    def newer(self, year):
        return self.raw("SELECT * FROM person WHERE born > %s", [year])


class Person(models.Model):
    name = models.CharField(max_length=80)
    born = models.IntegerField()

    objects = PersonQuerySet.as_manager()
    archive = Archive()


class Note(models.Model):
    text = models.TextField()


def raw(request):
    name = request.GET["name"]
    order = ORDERS.get(request.GET.get("order"), "name")
    Note.objects.raw("SELECT * FROM note WHERE text = '" + name + "'")  # flag sql-injection
    Note.objects.raw(f"SELECT * FROM note WHERE text = '{name}'")  # flag sql-injection
    Note.objects.filter(text=name).order_by("id").raw("SELECT '%s'" % name)  # flag sql-injection
    Note.objects.raw("SELECT * FROM note WHERE text = %s", [name])
    Note.objects.raw("SELECT * FROM note WHERE text = %(text)s", params={"text": name})
    Note.objects.raw("SELECT * FROM note ORDER BY " + order)
    Note.objects.raw(f"SELECT * FROM note LIMIT {int(request.GET['limit'])}")
    Note.objects.raw("SELECT * FROM note LIMIT %d" % int(name))
    User.objects.raw("SELECT * FROM auth_user WHERE username = '%s'" % name)  # flag sql-injection
    get_user_model().objects.raw("SELECT " + name)  # flag sql-injection
    Person.archive.older(name)
    Person.archive.newer(name)
    return render(request, "notes.html", {"notes": Note.objects.all()})


def extra(request):
    name = request.POST["name"]
    notes = Note.objects.all()
    notes.extra(where=["text = '%s'" % name])  # flag sql-injection
    notes.extra(select={"found": "text = '" + name + "'"})  # flag sql-injection
    notes.extra(tables=[name])  # flag sql-injection
    notes.extra(order_by=[name])  # flag sql-injection
    notes.extra(where=["text = %s"], params=[name])
    notes.extra(select={"found": "text = %s"}, select_params=(name,))
    notes.annotate(found=RawSQL("text = '%s'" % name, []))  # flag sql-injection
    notes.annotate(found=RawSQL("text = %s", (name,)))
    notes.annotate(found=Func(F("text"), function=name))  # flag sql-injection
    notes.annotate(found=Func(F("text"), function="LOWER"))
    notes.annotate(found=Count("text")).filter(found__gt=name)
    Person.objects.named(name).first()
    return HttpResponse()


def cursors(request, number):
    name = request.GET["name"]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM note WHERE text = '" + name + "'")  # flag sql-injection
        cursor.execute("DELETE FROM note WHERE text = %s", [name])
        cursor.executemany("INSERT INTO note VALUES (%s)", [(name,), (name,)])
        cursor.executemany("INSERT INTO %s VALUES (%%s)" % name, [(1,), (2,)])  # flag sql-injection
    connections["archive"].cursor().execute("SELECT " + name)  # flag sql-injection
    plain = connection.cursor()
    plain.execute(f"SELECT * FROM note WHERE id = {number:d}")
    plain.execute("SELECT * FROM note WHERE text = {}".format(name))  # flag sql-injection
    row = plain.fetchone()
    plain.execute("SELECT * FROM note WHERE id = " + row[0])
    return HttpResponse()


@transaction.atomic
def bound(request):
    """What comes back from the database was found by the text, but is not the text."""
    name = request.GET["name"]
    found = Note.objects.filter(Q(text__icontains=name) | Q(text=name)).exclude(text=name).order_by(name)
    first = found.first()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM %s" % first.table)
        cursor.execute(f"SELECT {Note.objects.filter(text=name).count()}")
        cursor.execute(f"SELECT {get_object_or_404(Note, text=name).id}")
        cursor.execute(f"SELECT {get_list_or_404(Note, text=name)[0].id}")
        cursor.execute(f"SELECT {Note.objects.get(text=name).pk}")
        cursor.execute(f"SELECT {Note.objects.values_list('id', flat=True).filter(text=name)[0]}")
        cursor.execute(f"SELECT {cache.get(name)}")
        cursor.execute(f"SELECT '{parse_date(name)}'")
        for note in Note.objects.filter(text=name):
            cursor.execute(f"SELECT {note.id}")
        note, _ = Note.objects.get_or_create(text=name)
        cursor.execute(f"SELECT {note.id}")
        user = User.objects.get(username=name)
        cursor.execute(f"SELECT {user.id}")
        cursor.execute(f"SELECT '{cache.get('key', name)}'")  # flag sql-injection
    if first is None:
        return HttpResponse("nothing")
    return HttpResponse(f"<p>{first.id}</p>")


def kept(request):
    """A row that was just filled holds what it was filled with."""
    note = Note(text=request.POST["text"])
    note.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT '%s'" % note.text)  # flag sql-injection
        cursor.execute("SELECT '%s'" % note.pk)
    with connection.schema_editor() as editor:
        editor.execute("CREATE SCHEMA " + request.POST["text"])  # flag sql-injection
    return JsonResponse({"id": note.pk})
