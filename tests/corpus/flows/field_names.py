"""Dictionaries from outside as keyword arguments: whoever writes the keys chooses the fields."""

import json

from django import forms
from django.db import models
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from fastapi import FastAPI
from flask import request as flask_request
from pydantic import BaseModel

FIELDS = ("title", "text")
api = FastAPI()


class Post(models.Model):
    title = models.CharField(max_length=80)
    text = models.TextField()

    def rename(self, title):
        eval(title)  # flag code-injection


class PostForm(forms.Form):
    title = forms.CharField()

    def clean_title(self):
        return self.cleaned_data["title"]


def save(request):
    data = json.loads(request.body)
    Post(**data)  # flag mass-assignment
    Post.objects.create(**request.POST.dict())  # flag mass-assignment
    Post.objects.filter(**request.GET.dict())  # flag mass-assignment
    Post.objects.filter(open=True).exclude(**data)  # flag mass-assignment
    Post.objects.update_or_create(pk=3, defaults=data)
    Post(title=data["title"], text=request.POST["text"])
    Post.objects.create(title=request.POST["title"])
    Post(**{"title": data["title"]})
    Post(**{name: data[name] for name in FIELDS})
    Post(**{name: value for name, value in data.items()})  # flag mass-assignment
    post = get_object_or_404(Post, pk=3)
    post.__dict__.update(data)  # flag mass-assignment
    post.__dict__.update(title=data["title"])
    form = PostForm(request.POST)
    Post.objects.create(**form.cleaned_data)
    return HttpResponse()


def rename(request):
    get_object_or_404(Post, pk=3).rename(request.GET["a"])
    Post.objects.filter(open=True).first().rename("new")
    return HttpResponse()


class Item(BaseModel):
    title: str


@api.post("/items")
def create(item: Item, extra: dict):
    Post(**item.model_dump())
    Post(**extra)  # flag mass-assignment
    return {}


urlpatterns = [path("save", save), path("rename", rename)]
