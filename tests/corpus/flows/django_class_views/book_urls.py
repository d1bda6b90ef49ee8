"""Routes: what stands in angle brackets is passed to the view."""

from django.urls import include, path

from . import book_views
from .book_views import BookList, BookSearch

urlpatterns = [
    path("search/<shelf>/<int:pk>/", BookSearch.as_view()),
    path("books/", BookList.as_view(), name="books"),
    path("books/<int:pk>/", book_views.BookDetail.as_view(), name="book"),
    path("books/<int:pk>/<path:name>", book_views.cover),
    path("books/<int:pk>/<int:size>/small", view=book_views.thumbnail),
    path("site/", include([path("page/<path:name>", book_views.Page.as_view())])),
]
