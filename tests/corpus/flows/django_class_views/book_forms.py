"""Forms: what a field holds was written by the visitor, checked or not."""

import os

from django import forms

from .book_models import Book


class SearchForm(forms.Form):
    title = forms.CharField()
    column = forms.CharField(required=False)

    def clean(self):
        cleaned = super().clean()
        os.system("log " + cleaned["title"])  # flag command-injection
        return cleaned


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["title", "author", "cover"]
