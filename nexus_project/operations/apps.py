from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """The commands that join several parts of Nexus; one that needs a single part lives there."""

    name = "nexus_project.operations"
    label = "operations"
