"""Answers with python-dateutil when entries begin: an independent reading of RFC 5545.

A line of input is `rule|first start|from|to|zone|left out`, all times as a clock in the zone shows them; the answer is a line with the
starts as seconds since 1970.
"""

import datetime as calendar
import sys
import warnings
from datetime import datetime

from dateutil import tz
from dateutil.rrule import rruleset, rrulestr

# Where it gives up looking for a start that never comes: after all that is asked for.
calendar.MAXYEAR = 2045


def main():
    # Of an end beside a count.
    warnings.simplefilter("ignore", DeprecationWarning)
    for line in sys.stdin:
        rule, first, begin, end, zone, left_out = line.rstrip("\n").split("|")
        first, begin, end = (datetime.fromisoformat(at) for at in (first, begin, end))
        starts = rruleset()
        starts.rrule(rrulestr(rule, dtstart=first))
        for at in left_out.split():
            starts.exdate(datetime.fromisoformat(at))
        zone = tz.gettz(zone)
        seconds = []
        for start in starts.xafter(begin, inc=True):
            if start > end:
                break
            # A time that clocks leave out is as much later as they leave out; of one that comes twice the first is meant.
            start = tz.resolve_imaginary(start.replace(tzinfo=zone, fold=0))
            seconds.append(int(start.timestamp()))
        print(*seconds)


main()
