"""Lands everything a Stripe account holds as raw, immutable rows in Delta tables.

`ingest` runs the whole job and returns a report. `Client(...).attempt(...)` gives the pairs of rows and checkpoints, to
be written anywhere.
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
    Rows,
    __version__,
    checkpoint_schema,
    entities,
    raw_schema,
)
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
from stripe_raw_rs.main import main
from stripe_raw_rs.pipeline import ingest
from stripe_raw_rs.report import EntityResult, IngestInterrupted, Report
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
    "Entity",
    "EntityResult",
    "FencedError",
    "Finding",
    "HeldError",
    "History",
    "IngestInterrupted",
    "InterruptedRunError",
    "PermissionMissingError",
    "Probe",
    "ProductMissingError",
    "Progress",
    "Promise",
    "RateLimitError",
    "Report",
    "RequestError",
    "Rows",
    "ServerError",
    "StripeError",
    "StripeRawError",
    "TableError",
    "UsageError",
    "__version__",
    "check",
    "checkpoint_schema",
    "entities",
    "ingest",
    "main",
    "raw_schema",
    "views",
]
