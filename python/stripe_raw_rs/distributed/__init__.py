"""First runs of many accounts: Spark's executors read them, and this process commits them, wave by wave.

A wave is an attempt of its own, whose runs are all new. It reads first, like any new run, and its rows wait in a table
until all of it is there. Then it takes the same steps as any attempt: it claims its runs, appends their rows, and then
the events about them. Whatever it leaves unfinished, the attempt that follows in this process goes on with.
"""

from __future__ import annotations

from stripe_raw_rs.distributed.choice import check_distributed as check_distributed
from stripe_raw_rs.distributed.choice import executors_of as executors_of
from stripe_raw_rs.distributed.waves import Landed as Landed
from stripe_raw_rs.distributed.waves import drop_left as drop_left
from stripe_raw_rs.distributed.waves import land_first_runs as land_first_runs
