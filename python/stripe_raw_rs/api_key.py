"""Reading the key from its place: a Databricks secret, a file, or the environment.

No variable ever holds its text: error reporters send what the variables of a traceback hold.
"""

from __future__ import annotations

import os
from pathlib import Path

from stripe_raw_rs._core import ApiKey, plain
from stripe_raw_rs.environment import key_of_environment, without_key
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.surface import option


def read_api_key(
    *, secret_scope: str | None = None, secret_key: str | None = None, file: str | Path | None = None
) -> ApiKey:
    """Read the key from a Databricks secret, else from a file, else from `STRIPE_API_KEY`.

    The order is that of intent: a variable that happens to be set must not win over a scope or file that was named.
    """
    if secret_scope is not None and secret_key is not None:
        return _databricks_secret(secret_scope, secret_key)
    if secret_scope is not None or secret_key is not None:
        message = (
            f"{option('stripe_secret_scope')} and {option('stripe_secret_key')} belong together: "
            "together they name a Databricks secret"
        )
        raise UsageError(message)
    return key_of_environment() if file is None else _key_of_file(Path(file))


def _key_of_file(file: Path) -> ApiKey:
    try:
        file = file.expanduser()
    except RuntimeError as error:
        message = f"the key file '{plain(file)}' cannot be found: {plain(error)}"
        raise UsageError(message) from None
    return ApiKey.from_file(file)


def _databricks_secret(scope: str, name: str) -> ApiKey:
    """Ask Databricks: in its runtime by the runtime's own `dbutils`, elsewhere by its SDK."""
    try:
        with without_key():
            return ApiKey(_ask(scope, name))
    except UsageError as error:
        message = f"the secret '{plain(name)}' of scope '{plain(scope)}' is not a key: {error}"
        raise UsageError(message) from None
    except ModuleNotFoundError:
        message = "a Databricks secret needs the package databricks-sdk, which Databricks' runtimes have"
        raise UsageError(message) from None
    except Exception as error:  # noqa: BLE001 - any version of Databricks' packages may raise anything
        message = (
            f"the secret '{plain(name)}' of scope '{plain(scope)}' cannot be read: {plain(_first_line(error))}; "
            f"put it there (databricks secrets put-secret {plain(scope)} {plain(name)}), "
            "and give the identity that runs the job READ on the scope"
        )
        # The error may hold the request that was sent.
        raise UsageError(message) from None


def _ask(scope: str, name: str) -> str:
    # Imported here and nowhere else: the SDK's runtime module looks for a workspace when it is imported, for ten
    # seconds if there is none.
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        try:
            from databricks.sdk.runtime import dbutils  # noqa: PLC0415

            return str(dbutils.secrets.get(scope, name))
        except Exception:  # noqa: BLE001, S110 - runtimes of some kinds have none; the SDK's answer counts
            pass
    from databricks.sdk import WorkspaceClient  # noqa: PLC0415

    return str(WorkspaceClient().dbutils.secrets.get(scope, name))


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
