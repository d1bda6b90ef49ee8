"""Files that a loader opens by path or as a stream: all of the path chosen, or only a name in a folder of the program."""

import os
from pathlib import Path

import joblib
import pandas as pd
from flask import Flask, request
from werkzeug.utils import secure_filename

app = Flask(__name__)
FOLDER = "/srv/models"


@app.get("/load")
def loaded():
    name = request.args["name"]
    if request.args.get("named"):
        return joblib.load(os.path.join(FOLDER, secure_filename(name)))
    if request.args.get("model"):
        return joblib.load(FOLDER + "/" + secure_filename(name) + ".joblib")
    if request.args.get("table"):
        return pd.read_pickle(Path(app.config["TABLES"]) / secure_filename(name))
    return joblib.load(request.files["model"])  # flag unsafe-deserialization
