"""Read how long something lives: LiteLLM's `30s`, `30m`, `30h`, `30d`, `2w`, `1mo`."""

import calendar
import re
from datetime import UTC, datetime

from hx_gateway.core.errors import InvalidRequest

_FORM = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d|w|mo)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_S = 100 * 366 * 86_400
_LONGEST_MONTHS = 1200


def end_of(duration: str, now: float) -> float:
    """Give when a duration that begins now ends, in seconds since 1970.

    A month ends on the same day of the month, or on its last day. Raises InvalidRequest for
    anything else than a number and a unit: a typing error must not make a key that lives for ever.
    """
    found = _FORM.fullmatch(duration)
    if found is None:
        raise InvalidRequest(
            "'duration' must be a number and a unit: 30s, 30m, 30h, 30d, 2w or 1mo.",
            param="duration",
        )
    count, unit = int(found[1]), found[2]
    limit = _LONGEST_MONTHS if unit == "mo" else _LONGEST_S // _SECONDS[unit]
    if count > limit:
        raise InvalidRequest("'duration' must not be over 100 years.", param="duration")
    return _months_later(now, count) if unit == "mo" else now + count * _SECONDS[unit]


def _months_later(now: float, months: int) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day).timestamp()
