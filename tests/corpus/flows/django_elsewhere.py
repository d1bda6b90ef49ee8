"""Models that are imported from files which are not here, and mails in HTML."""

from django.core.mail import EmailMultiAlternatives, mail_admins, send_mail
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.html import escape

from shop import forms
from shop.models import Order


def create(request):
    Order.objects.create(**request.POST.dict())  # flag mass-assignment
    Order.objects.filter(pk=1).update(**request.POST)  # flag mass-assignment
    Order.objects.raw("SELECT * FROM orders WHERE city = '%s'" % request.GET["city"])  # flag sql-injection
    Order.objects.create(city=request.POST["city"], street=request.POST.get("street"))
    Order.objects.raw("SELECT * FROM orders WHERE city = %s", [request.GET["city"]])
    forms.create(**request.POST.dict())
    return HttpResponse("")


def notify(request):
    text = request.POST["text"]
    send_mail("news", text, "shop@example.com", ["all@example.com"], html_message=text)  # flag cross-site-scripting
    send_mail("news", text, "shop@example.com", ["all@example.com"], html_message=f"<p>{escape(text)}</p>")
    send_mail("news", text, "shop@example.com", ["all@example.com"])
    mail_admins("news", "", html_message="<p>" + text)  # flag cross-site-scripting
    message = EmailMultiAlternatives("news", text, "shop@example.com", ["all@example.com"])
    message.attach_alternative(text, "text/html")  # flag cross-site-scripting
    message.attach_alternative(text, "text/calendar")
    message.attach_alternative(render_to_string("news.html", {"text": text}), "text/html")
    message.send()
    return HttpResponse("")
