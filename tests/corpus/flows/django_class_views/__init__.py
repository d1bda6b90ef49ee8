"""A small site of Django with views that are classes: models, forms, views and routes in files of their own."""
