"""Bodies as they are: JSON as a tree that is read level by level, anything else as text.

Read `parts`, what a script of the page asks for, then the templates.
"""
