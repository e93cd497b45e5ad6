"""What the simulator answers to a request that is made by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from stripe_raw_rs.simulator import StripeSimulator


def get(stripe: StripeSimulator, path: str, account: str | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
    sent = {"Authorization": "Bearer sk_test_1", **({"Stripe-Account": account} if account else {}), **headers}
    request = Request(f"{stripe.url}{path}", headers=sent)  # noqa: S310 - 127.0.0.1
    try:
        with urlopen(request) as answer:  # noqa: S310 - as above
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)
