"""Flask: views by class, uploads, what a signed session holds, and what url_for, jsonify and converters rule out."""

import os
import sqlite3
import subprocess

import flask
from flask import Flask, Response, abort, jsonify, make_response, redirect, render_template, request, session, url_for
from flask.views import MethodView
from werkzeug.utils import safe_join, secure_filename

app = Flask(__name__)
admin = flask.Blueprint("admin", __name__)


class People(MethodView):
    def get(self, name):
        db = sqlite3.connect("people.db")
        db.execute("SELECT * FROM people WHERE name = '" + name + "'")  # flag sql-injection
        db.execute("SELECT * FROM people LIMIT %s" % request.args.get("n", 10, type=int))
        return "<p>" + name + "</p>"  # flag cross-site-scripting

    def post(self, name):
        data = request.get_json()
        subprocess.run("job " + data["name"], shell=True)  # flag command-injection
        form = request.form.to_dict()
        os.system(form["name"])  # flag command-injection
        for word in request.args.getlist("word"):
            os.system(word)  # flag command-injection
        return jsonify(name=name)


app.add_url_rule("/people/<name>", view_func=People.as_view("people"))


@app.before_request
def check():
    os.system("logger " + request.full_path)  # flag command-injection
    os.system("logger " + request.headers["X-Name"])  # flag command-injection


@admin.route("/upload", methods=["POST"])
def upload():
    file = request.files["file"]
    file.save(os.path.join("/srv", file.filename))  # flag path-traversal
    file.save(os.path.join("/srv", secure_filename(file.filename)))
    open(safe_join("/srv", file.filename))
    open("/srv/" + request.view_args["name"])  # flag path-traversal
    open("/srv/last", "wb").write(file.read())
    open("/srv/last", "wb").write(file.stream.read())
    return redirect(url_for("upload", name=file.filename))


@admin.get("/session")
def remembered():
    sqlite3.connect("people.db").execute("SELECT * FROM p WHERE name = '" + session["name"] + "'")
    response = make_response(render_template("page.html", name=request.args["name"]))
    response.set_cookie("name", request.args["name"], secure=True, httponly=True, samesite="Lax")
    response.headers["X-Name"] = request.args["name"]
    return response


@admin.get("/types")
def types():
    if request.cookies.get("plain"):
        return Response(request.data, mimetype="text/plain")
    if request.values.get("missing"):
        abort(404, "no " + request.values["missing"])
    return Response(request.data)  # flag cross-site-scripting


@app.errorhandler(404)
def missing(error):
    return "<p>Not here: " + request.path + "</p>"  # flag cross-site-scripting
