"""The errors, one class for each kind that a caller may want to handle separately.

Every message is one plain line: what is wrong, where, what to do. The API key is in none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class StripeRawError(Exception):
    """Base of all errors of this package.

    Attributes:
        error_class: the name that a RUN_FAILED event carries.
        exit_code: the exit code of `stripe-raw`.
        status: HTTP status, if Stripe answered.
        code: Stripe's `error.code`.
        request_id: Stripe's `Request-Id`, to quote to Stripe's support.
        summary: one line in place of the message, if the log has the errors of single lists already.
        recorded: the message as RUN_FAILED has it, with options by their plain names; None if it is the message.

    """

    error_class = "Internal"
    exit_code = 1
    recorded: str | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        summary: str | None = None,
    ) -> None:
        """Keep the line and the fields of the answer behind it."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.summary = summary


class UsageError(StripeRawError):
    """An option, a key, a lake or a name that cannot be used as given. Nothing was written.

    Attributes:
        mistakes: one line for each mistake, if several were found; the message has them all.

    """

    error_class = "Usage"
    exit_code = 2
    mistakes: tuple[str, ...] = ()

    @classmethod
    def of(cls, mistakes: Iterable[str]) -> UsageError:
        """Make one error of some mistakes, each a line; one that was made twice is told once."""
        lines = tuple(dict.fromkeys(mistakes))
        error = cls(lines[0] if len(lines) == 1 else f"{len(lines)} mistakes: {'; '.join(lines)}")
        error.mistakes = lines
        return error


class StripeError(StripeRawError):
    """Stripe refused a request, or went on failing until the retries were used up."""


class AuthenticationError(StripeError):
    """401: Stripe does not know the key."""

    error_class = "Authentication"


class PermissionMissingError(StripeError):
    """403: the key lacks a permission, which the message names."""

    error_class = "Permission"


class ProductMissingError(StripeError):
    """400 or 404: the account does not have the product that the list belongs to, e.g. Issuing."""

    error_class = "Product"


class RateLimitError(StripeError):
    """429 until the retries were used up."""

    error_class = "RateLimit"


class RequestError(StripeError):
    """Any other refusal: 400, 404 and the like."""

    error_class = "Request"


class ServerError(StripeError):
    """5xx until the retries were used up."""

    error_class = "Server"


class ConnectionFailedError(StripeRawError):
    """No complete answer arrived: connect, read, TLS, deadline."""

    error_class = "Connection"


class AnswerError(StripeRawError):
    """An answer that breaks the list contract: no list, another object, time running backwards."""

    error_class = "Answer"


class TableError(StripeRawError):
    """A table that cannot be written or read, or that holds something the protocol cannot have written."""

    error_class = "Table"


class HeldError(StripeRawError):
    """Another process works on the same entity and is presumed alive."""

    error_class = "Held"
    exit_code = 75


class FencedError(StripeRawError):
    """Another process took the run over. Its commits stand; none of ours after that point does."""

    error_class = "Fenced"
    exit_code = 75


class BudgetError(StripeRawError):
    """`max_requests` is used up; the next run goes on from the last committed page."""

    error_class = "Budget"


class InterruptedRunError(StripeRawError):
    """The run was asked to stop; the next one goes on from the last committed page."""

    error_class = "Interrupted"
    exit_code = 130
