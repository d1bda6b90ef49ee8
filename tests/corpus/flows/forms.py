"""Fields of a form: texts, numbers, choices and files."""

import os

from flask import Flask
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.utils import secure_filename
from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import DataRequired

app = Flask(__name__)


class Upload(FlaskForm):
    title = StringField("title", validators=[DataRequired()])
    copies = IntegerField("copies")
    paper = SelectField("paper", choices=["A4", "A3"])
    document = FileField("document")


@app.route("/upload", methods=["POST"])
def upload():
    form = Upload()
    if form.validate_on_submit():
        os.system("print " + form.title.data)  # flag command-injection
        os.system(f"print {form.copies.data} {form.paper.data}")
        document = form.document.data
        document.save(os.path.join("documents", document.filename))  # flag path-traversal
        document.save(os.path.join("documents", secure_filename(document.filename)))
    return ""
