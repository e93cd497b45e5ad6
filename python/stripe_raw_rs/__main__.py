"""`python -m stripe_raw_rs` is `stripe-raw`."""

import sys

from stripe_raw_rs.main import console

if __name__ == "__main__":
    sys.exit(console())
