"""Leave notes for other processes in Redis or Valkey: one hash, one command to write and read."""

from collections.abc import Mapping, Sequence

from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.ports import Note
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.redis_link import RedisLink

# By the server's clock: those of replicas differ. A field is a note, its value when it was written
# and when it ends, in milliseconds. Lua would write so large a number as 1.7e+12.
_EXCHANGE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local puts = tonumber(ARGV[1])
local longest = 0
for n = 2, 2 * puts, 2 do
  local life = tonumber(ARGV[n + 1])
  redis.call('HSET', KEYS[1], ARGV[n], string.format('%.0f %.0f', now, now + life))
  longest = math.max(longest, life)
end
for n = 2 * puts + 2, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[n])
end
if longest > 0 and redis.call('PTTL', KEYS[1]) < longest then
  redis.call('PEXPIRE', KEYS[1], longest)
end
local found = {}
local notes = redis.call('HGETALL', KEYS[1])
for n = 1, #notes, 2 do
  local written, ends = string.match(notes[n + 1], '^(%d+) (%d+)$')
  if not ends or tonumber(ends) <= now then
    redis.call('HDEL', KEYS[1], notes[n])
  else
    found[#found + 1] = notes[n]
    found[#found + 1] = math.max(now - written, 0)
    found[#found + 1] = ends - now
  end
end
return found
"""


class RedisBoard:
    """The notes of one Redis database, under one name."""

    def __init__(
        self,
        settings: RedisSettings,
        clock: Clock | None = None,
        random: Random | None = None,
        name: str = "hx:board",
    ) -> None:
        """Start to connect; needs a running event loop."""
        self._name = name
        self._link = RedisLink(settings, clock, random)
        self._exchange = self._link.redis.register_script(_EXCHANGE)

    async def exchange(self, put: Mapping[str, float], drop: Sequence[str]) -> list[Note]:
        """See `Board`."""
        arguments: list[str | int] = [len(put)]
        for name, seconds in put.items():
            arguments += [name, max(int(seconds * 1000), 1)]
        keys, arguments = [self._name], [*arguments, *drop]
        found = await self._link.run(lambda: self._exchange(keys=keys, args=arguments))
        fields = iter(found)
        return [
            Note(_text(name), int(age_ms) / 1000, int(left_ms) / 1000)
            for name, age_ms, left_ms in zip(fields, fields, fields, strict=True)
        ]

    async def aclose(self) -> None:
        """See `Board`."""
        await self._link.aclose()


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode(errors="replace")
