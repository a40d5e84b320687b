"""Answers with python-dateutil how far clocks are ahead of UTC in a zone that a calendar defines: an independent reading of RFC 5545.

A line of input is a calendar with one `VTIMEZONE`, its lines joined by `|`, then `#`, then instants in seconds since 1970; the answer is a line
with the seconds ahead of UTC at each of them.
"""

import io
import sys
from datetime import datetime, timedelta, timezone

from dateutil import tz

for line in sys.stdin:
    text, _, instants = line.partition("#")
    zone = tz.tzical(io.StringIO(text.replace("|", "\r\n"))).get()
    moments = (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=int(at)) for at in instants.split())
    print(*(int(moment.astimezone(zone).utcoffset().total_seconds()) for moment in moments))
