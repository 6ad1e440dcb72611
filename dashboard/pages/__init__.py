"""The pages, rendered by Django's templates: a folder each, with its view, its templates and what works out what they show.

Read `registry`, which describes them all, then one of them; `context` is what the frame of every page shows.
"""
