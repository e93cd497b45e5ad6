"""A fake Stripe on 127.0.0.1, good enough to test a pipeline against.

It serves every list of the registry, pages as Stripe does, and can say afterwards which objects there are and what the
bytes of each are. All objects follow from the seed. It can be a platform, whose connected accounts have data of their
own.

    from stripe_raw_rs.simulator import StripeSimulator

    with StripeSimulator(objects=1_000, faults="status=500@p0.01,reset@n7") as stripe:
        land(api_key="sk_test_1", api_base_url=stripe.url)     # your pipeline
        newest = stripe.ids("charges")[0]
        assert landed(newest) == stripe.raw("charges", newest)
"""

from stripe_raw_rs._core import StripeSimulator

__all__ = ["StripeSimulator"]
