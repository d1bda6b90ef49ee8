"""What is kept in a session: as it came, or found out by the program."""

from flask import Flask, request, session

app = Flask(__name__)
LANGUAGES = {"de": "Deutsch", "en": "English"}


@app.post("/kept")
def kept():
    session["role"] = request.form["role"]  # flag trust-boundary
    session[request.form["key"]] = True  # flag trust-boundary
    session.setdefault("next", request.args.get("next"))  # flag trust-boundary
    session.update(request.form)  # flag trust-boundary
    session["filter"] = {"name": request.form["name"]}  # flag trust-boundary
    return ""


@app.post("/found")
def found():
    user = find_user(request.form["name"])
    session["user_id"] = 7
    session["page"] = int(request.form["page"])
    session["language"] = LANGUAGES.get(request.form["language"], "English")
    language = request.form["language"]
    if language in LANGUAGES:
        session["language"] = language
    session["seen"] = session.get("seen", 0) + 1
    session.pop(request.form["key"], None)
    session.permanent = True
    local = {}
    local["role"] = request.form["role"]
    return local.get("page", "")
