"""Programs for older releases of Django, Flask and SQLAlchemy."""

from django.conf.urls import url
from django.core.urlresolvers import reverse
from django.db import connection
from django.http import HttpResponseRedirect
from django.utils.encoding import force_text
from django.utils.http import is_safe_url
from flask import Flask, Markup, escape
from flask import redirect
from flask import request as asked
from itsdangerous import JSONWebSignatureSerializer, TimedJSONWebSignatureSerializer
from sqlalchemy import create_engine
from werkzeug import secure_filename

app = Flask(__name__)
engine = create_engine("sqlite://")


def listing(request, name):
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM people WHERE name = '%s'" % force_text(name))  # flag sql-injection
    cursor.execute("SELECT * FROM people WHERE name = %s", [force_text(name)])
    return HttpResponseRedirect(reverse("listing"))


def leave(request):
    there = request.REQUEST["next"]
    if is_safe_url(there, host=request.get_host()):
        return HttpResponseRedirect(there)
    return HttpResponseRedirect(request.REQUEST["next"])  # flag open-redirect


urlpatterns = [url(r"^people/(.+)$", listing), url(r"^leave$", leave)]


@app.route("/people")
def people():
    name = asked.args["name"]
    engine.execute("SELECT * FROM people WHERE name = '%s'" % name)  # flag sql-injection
    engine.execute("SELECT * FROM people WHERE name = ?", name)
    with open("people/" + secure_filename(name)) as file:
        file.read()
    return Markup("<b>" + name + "</b>") + escape(name)  # flag cross-site-scripting


class Signed:
    def __init__(self, key):
        self.signer = JSONWebSignatureSerializer(key)
        self.timed = TimedJSONWebSignatureSerializer(key, expires_in=60)

    def leave(self):
        self.timed.dumps(asked.args["next"])
        if asked.args.get("at"):
            return redirect(self.timed.loads(asked.args["at"]))
        if asked.args.get("signed"):
            return redirect(self.signer.loads(asked.args["signed"]))
        return redirect(asked.args["next"])  # flag open-redirect
