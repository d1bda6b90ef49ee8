"""Code of others in the same interpreter, and a data format that builds objects."""

import ast

import yaml


def calculate(formula):
    return eval(formula, {"__builtins__": None}, {})  # flag in-process-sandbox


def calculate_more(formula, names):
    scope = {"__builtins__": {}, **names}
    exec(formula, scope)  # flag in-process-sandbox


def with_everything(program):
    exec(program, {"__name__": "plugin"})


def literal(text):
    return ast.literal_eval(text)


class Own(yaml.SafeLoader):
    pass


def load(stream):
    yaml.load(stream, Loader=yaml.Loader)  # flag unsafe-yaml-load
    yaml.load(stream, Own)
    yaml.load("a: 1", Loader=yaml.FullLoader)
    return yaml.load(stream, Loader=yaml.CSafeLoader)
