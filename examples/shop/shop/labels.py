"""Labels for parcels, shown before they are printed."""

from flask import Blueprint, render_template, render_template_string, request

labels = Blueprint("labels", __name__, url_prefix="/label")
PLAIN = "<p class=label>{{ text }}</p>"


def frame(text):
    """Put a border around the text. HOLE: the text becomes part of the template."""
    return f"<p class=label>{text}</p>"


@labels.post("/preview")
def preview():
    """Preview a label with the placeholders that customers know. HOLE: see `frame`."""
    return render_template_string(frame(request.form.get("text", "")))


@labels.post("/plain")
def plain():
    """Preview a label as it is: the text is only a value of the template."""
    return render_template_string(PLAIN, text=request.form.get("text", ""))


@labels.post("/file")
def file():
    """The same with a template of its own file."""
    return render_template("label.html", text=request.form.get("text", ""))
