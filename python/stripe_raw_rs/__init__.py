"""Lands everything a Stripe account holds as raw, immutable rows in Delta tables.

`ingest` runs the whole job and returns a report. `check`, `status`, `verify` and `entities` give answers that print as
tables, and `latest` gives the newest state of each object. `read` gives one list as a stream of rows, without tables,
and `register_stripe` lets Spark read one.
`Client(...).attempt(...)` gives the pairs of rows and checkpoints, to be written anywhere.
"""

from stripe_raw_rs._core import (
    ApiKey,
    Attempt,
    Audit,
    Checkpoint,
    Client,
    Entity,
    Finding,
    History,
    Probe,
    Progress,
    Promise,
    Reading,
    RecordBatch,
    Rows,
    Stream,
    __version__,
    checkpoint_schema,
    raw_schema,
)
from stripe_raw_rs.audit import EntityAudit
from stripe_raw_rs.entity_check import EntityCheck
from stripe_raw_rs.entity_list import Entities, entities
from stripe_raw_rs.entity_result import EntityResult
from stripe_raw_rs.entity_status import EntityStatus
from stripe_raw_rs.exceptions import (
    AnswerError,
    AuthenticationError,
    BudgetError,
    ConnectionFailedError,
    FencedError,
    HeldError,
    InterruptedRunError,
    PermissionMissingError,
    ProductMissingError,
    RateLimitError,
    RequestError,
    ServerError,
    StripeError,
    StripeRawError,
    TableError,
    UsageError,
)
from stripe_raw_rs.key_check import Check, check
from stripe_raw_rs.latest import Latest, latest
from stripe_raw_rs.list_status import ListStatus
from stripe_raw_rs.main import main
from stripe_raw_rs.pipeline import ingest
from stripe_raw_rs.plan import plan
from stripe_raw_rs.plan_report import Plan, PlannedList
from stripe_raw_rs.query import query
from stripe_raw_rs.read import read
from stripe_raw_rs.report import IngestInterrupted, Report
from stripe_raw_rs.spark_source import register_stripe
from stripe_raw_rs.status import Status, status
from stripe_raw_rs.table_size import TableSize
from stripe_raw_rs.verify import Verification, verify
from stripe_raw_rs.views import views

__all__ = [
    "AnswerError",
    "ApiKey",
    "Attempt",
    "Audit",
    "AuthenticationError",
    "BudgetError",
    "Check",
    "Checkpoint",
    "Client",
    "ConnectionFailedError",
    "Entities",
    "Entity",
    "EntityAudit",
    "EntityCheck",
    "EntityResult",
    "EntityStatus",
    "FencedError",
    "Finding",
    "HeldError",
    "History",
    "IngestInterrupted",
    "InterruptedRunError",
    "Latest",
    "ListStatus",
    "PermissionMissingError",
    "Plan",
    "PlannedList",
    "Probe",
    "ProductMissingError",
    "Progress",
    "Promise",
    "RateLimitError",
    "Reading",
    "RecordBatch",
    "Report",
    "RequestError",
    "Rows",
    "ServerError",
    "Status",
    "Stream",
    "StripeError",
    "StripeRawError",
    "TableError",
    "TableSize",
    "UsageError",
    "Verification",
    "__version__",
    "check",
    "checkpoint_schema",
    "entities",
    "ingest",
    "latest",
    "main",
    "plan",
    "query",
    "raw_schema",
    "read",
    "register_stripe",
    "status",
    "verify",
    "views",
]


def __dir__() -> list[str]:
    """Name what is public: modules that were imported on the way are not."""
    return sorted(__all__)
