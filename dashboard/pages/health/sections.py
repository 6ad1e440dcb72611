"""The sections of the page, in their order."""

from dashboard.pages.health.checks import Section
from dashboard.pages.health.keeping import storage
from dashboard.pages.health.money import costs, endings
from dashboard.pages.health.records import records
from dashboard.pages.health.running import services, slack, versions


def sections() -> list[Section]:
    """As they are now; what does not answer is a finding of its section."""
    return [records(), services(), slack(), storage(), costs(), endings(), versions()]
