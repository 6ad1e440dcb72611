"""The tables of the dashboard: permissions and domains of groups, tokens, saved views, the audit.

Read `traffic` first; the others know nothing of each other.
"""

from dashboard.models.audit import AuditEntry, BodyReading
from dashboard.models.saved_views import SavedView
from dashboard.models.tokens import ApiToken
from dashboard.models.traffic import GroupDomains, Traffic, parsed_names

__all__ = ["ApiToken", "AuditEntry", "BodyReading", "GroupDomains", "SavedView", "Traffic", "parsed_names"]
