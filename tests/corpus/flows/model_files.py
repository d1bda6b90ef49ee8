"""Files with models and other pickles in disguise: who wrote them, and what the loader is allowed to build."""

import io
import pickle
import sys
from pathlib import Path

import cloudpickle
import dill
import joblib
import numpy as np
import pandas as pd
import torch
from flask import Flask, request
from numpy import load as load_array

app = Flask(__name__)
MODELS = Path("/srv/models")


@app.post("/bytes")
def given_bytes():
    body = request.get_data()
    dill.loads(body)  # flag unsafe-deserialization
    cloudpickle.loads(body)  # flag unsafe-deserialization
    pickle.Unpickler(io.BytesIO(body)).load()  # flag unsafe-deserialization
    return ""


@app.post("/files")
def given_files():
    file = io.BytesIO(request.get_data())
    joblib.load(file)  # flag unsafe-deserialization
    joblib.load(request.files["model"])  # flag unsafe-deserialization
    pd.read_pickle(file)  # flag unsafe-deserialization
    np.load(file, allow_pickle=True)  # flag unsafe-deserialization
    load_array(file, None, True)  # flag unsafe-deserialization
    torch.load(file, weights_only=False)  # flag unsafe-deserialization
    torch.load(file, map_location="cpu", weights_only=request.args["safe"] == "yes")  # flag unsafe-deserialization
    torch.jit.load(file)  # flag unsafe-deserialization
    return ""


@app.post("/harmless")
def harmless():
    file = io.BytesIO(request.get_data())
    np.load(file)
    np.load(file, allow_pickle=False)
    torch.load(file)
    torch.load(file, weights_only=True)
    np.frombuffer(request.get_data(), dtype=np.uint8)
    joblib.dump(request.get_json(), MODELS / "last.joblib")
    return str(joblib.hash(request.get_data()))


@app.post("/checked")
def only_our_classes():
    return Ours(io.BytesIO(request.get_data())).load()


class Ours(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(name)


@app.post("/hub")
def from_a_hub():
    torch.hub.load(request.args["repository"], "model")  # flag code-injection
    torch.hub.load_state_dict_from_url(request.args["url"], weights_only=True)  # flag server-side-request-forgery
    torch.hub.load("pytorch/vision", request.args["name"])
    return ""


@app.get("/save")
def saved():
    np.save(request.args["name"], np.zeros(3))  # flag path-traversal
    np.zeros(3).tofile(request.args["name"])  # flag path-traversal
    np.savetxt(MODELS / "table.txt", request.get_json())
    return ""


def own_models(names):
    found = [joblib.load(MODELS / "base.joblib")]
    found += [torch.load(MODELS / f"{name}.pt", weights_only=False) for name in names]
    return found, pickle.loads(pickle.dumps(found))


def main():
    joblib.load(sys.argv[1])  # flag unsafe-deserialization
    return own_models([])


if __name__ == "__main__":
    main()
