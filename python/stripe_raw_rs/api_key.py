"""The key, read from where it is kept. Whoever reads it hands it on at once and keeps no copy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where the key is unless something else is named.
KEY_VARIABLE = "STRIPE_API_KEY"


def read_api_key(
    *,
    secret_scope: str | None = None,
    secret_key: str | None = None,
    file: str | Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Read the key from a Databricks secret, else from a file, else from `STRIPE_API_KEY`.

    The order is that of intent: a variable that happens to be set must not win over a scope or file that was named.
    """
    if secret_scope is not None and secret_key is not None:
        return _databricks_secret(secret_scope, secret_key)
    if secret_scope is not None or secret_key is not None:
        message = (
            "--stripe-secret-scope and --stripe-secret-key belong together: together they name a Databricks secret"
        )
        raise UsageError(message)
    if file is not None:
        return _text(Path(file))
    key = environment.get(KEY_VARIABLE, "").strip()
    if not key:
        message = (
            "no key: set STRIPE_API_KEY to a restricted key (rk_...), name a file with --api-key-file, "
            "or a Databricks secret with --stripe-secret-scope and --stripe-secret-key"
        )
        raise UsageError(message)
    return key


def _text(file: Path) -> str:
    try:
        key = file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        message = f"the key file '{plain(file)}' cannot be read: {reason}"
        raise UsageError(message) from None
    if not key:
        message = f"the key file '{plain(file)}' is empty"
        raise UsageError(message)
    return key


def _databricks_secret(scope: str, name: str) -> str:
    """Ask Databricks: in its runtime by the runtime's own `dbutils`, elsewhere by its SDK."""
    try:
        key = _ask(scope, name)
    except ModuleNotFoundError:
        message = "a Databricks secret needs the package databricks-sdk, which Databricks' runtimes have"
        raise UsageError(message) from None
    except Exception as error:  # noqa: BLE001 - whatever Databricks' packages raise, of whichever version
        message = (
            f"the secret '{plain(name)}' of scope '{plain(scope)}' cannot be read: {plain(_first_line(error))}; "
            f"put it there (databricks secrets put-secret {plain(scope)} {plain(name)}), "
            "and give whoever runs the job READ on the scope"
        )
        # The error may hold the request that was sent.
        raise UsageError(message) from None
    key = key.strip()
    if not key:
        message = f"the secret '{plain(name)}' of scope '{plain(scope)}' is empty"
        raise UsageError(message)
    return key


def _ask(scope: str, name: str) -> str:
    # Imported here and nowhere else: the SDK's runtime module looks for a workspace when it is imported, for ten
    # seconds where there is none.
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        try:
            from databricks.sdk.runtime import dbutils  # noqa: PLC0415

            return str(dbutils.secrets.get(scope, name))
        except Exception:  # noqa: BLE001, S110 - runtimes of some kinds have none; what counts is how the SDK fares
            pass
    from databricks.sdk import WorkspaceClient  # noqa: PLC0415

    return str(WorkspaceClient().dbutils.secrets.get(scope, name))


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
