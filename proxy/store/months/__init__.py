"""The record by month: what there is of each, and dropping those past their time.

Read `retention`, then `overview`.
"""
