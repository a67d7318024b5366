//! What Redis does in one step, so that no other replica comes in between. Each script works on one hash tag alone.

use std::sync::LazyLock;

use redis::Script;

/// An entry that is newer than the one known and fresh enough, or else the lease with a new fencing number, or else neither.
///
/// Fencing numbers grow even if Redis has lost everything: its clock is part of them.
///
/// `KEYS` token, lock, fence, forced; `ARGV` generation known, `refresh_before` in ms, holder, lease in ms, budget or -1.
pub(super) static ENTER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local known = tonumber(ARGV[1])
local entry = redis.call('HMGET', KEYS[1], 'generation', 'lifetime', 'sealed')
local generation = tonumber(entry[1] or '0')
if generation > known then
  local left = redis.call('PTTL', KEYS[1])
  if left > math.min(tonumber(ARGV[2]), tonumber(entry[2]) / 4) then
    return {'newer', generation, left, entry[3]}
  end
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return {'busy', 0, 0, ''}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local full = tonumber(ARGV[5])
if full >= 0 then
  local held = redis.call('HMGET', KEYS[4], 'left', 'from')
  local left = tonumber(held[1] or full)
  local from = tonumber(held[2] or now)
  local back = math.max(0, math.floor((now - from) / 60000))
  left = left + back
  from = from + back * 60000
  if left >= full then
    left = full
    from = now
  end
  if left < 1 then
    return {'spent', 0, 0, ''}
  end
  redis.call('HSET', KEYS[4], 'left', left - 1, 'from', string.format('%.0f', from))
  redis.call('PEXPIRE', KEYS[4], (full + 1) * 60000)
end
local fence = math.max(tonumber(redis.call('GET', KEYS[3]) or '0'), known, now) + 1
redis.call('SET', KEYS[3], string.format('%.0f', fence), 'PX', 86400000)
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return {'leased', fence, 0, ''}
",
    )
});

/// Writes an entry unless a newer one is there, which is then told; gives the lease back.
///
/// `KEYS` token, lock; `ARGV` generation, sealed, lifetime in ms, left in ms, holder.
pub(super) static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[2]) == ARGV[5] then
  redis.call('DEL', KEYS[2])
end
local entry = redis.call('HMGET', KEYS[1], 'generation', 'sealed')
local generation = tonumber(entry[1] or '0')
if generation >= tonumber(ARGV[1]) then
  return {'newer', generation, redis.call('PTTL', KEYS[1]), entry[2]}
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'sealed', ARGV[2], 'lifetime', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'written', 0, 0, ''}
",
    )
});

/// A new fencing number for a token that came without a lease, by a login.
///
/// `KEYS` fence; `ARGV` generation known.
pub(super) static FENCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local fence = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1]), now) + 1
redis.call('SET', KEYS[1], string.format('%.0f', fence), 'PX', 86400000)
return fence
",
    )
});

/// Holds the lease for longer, if it is still this holder's.
///
/// `KEYS` lock; `ARGV` holder, lease in ms.
pub(super) static HOLD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
",
    )
});

/// Gives the lease back, if it is still this holder's, and where it says so what a refusal has paid for it.
///
/// `KEYS` lock, forced; `ARGV` holder, 1 for what was paid.
pub(super) static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if ARGV[2] == '1' and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], 'left', 1)
end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
",
    )
});

/// What is kept of a login, and Redis's clock in ms.
///
/// `KEYS` login.
pub(super) static READ_LOGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local kept = redis.call('HMGET', KEYS[1], 'sealed', 'version', 'spender', 'since', 'written', 'generation')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return {kept[1] or '', tonumber(kept[2] or '0'), kept[3] or '', tonumber(kept[4] or '0'), kept[5] or '0', now,
  tonumber(kept[6] or '0')}
",
    )
});

/// Marks a login as being spent, if nothing of it has changed since it was read.
///
/// `KEYS` login; `ARGV` version read, spender.
pub(super) static MARK_LOGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'spender', ARGV[2], 'since', string.format('%.0f', now), 'written', 0)
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
",
    )
});

/// Dates the mark anew, or takes it away, if it is still this spender's.
///
/// `KEYS` login; `ARGV` spender, `hold` or `clear`.
pub(super) static TEND_MARK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('HGET', KEYS[1], 'spender') ~= ARGV[1] then
  return 0
end
if ARGV[2] == 'clear' then
  redis.call('HDEL', KEYS[1], 'spender', 'since', 'written')
else
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('HSET', KEYS[1], 'since', string.format('%.0f', now))
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
",
    )
});

/// Writes what a login has become. A `new` one always, once; its id, among those of the last few, tells a second try, whose
/// answer may have been lost, from another login. What came of spending a refresh token (its successor as `next`, or that it has been refused as `end`) only
/// while what is kept is still what was spent, or nothing is kept any more: each refresh token that is kept has a generation of
/// its own, which an end leaves as it is, because who was cut off with the successor in its hands may come back. A mark stays
/// that says so, since the access token follows in a moment.
///
/// `KEYS` login; `ARGV` sealed, who writes, `new`, `next` or `end`, the new login's id or the generation that was spent.
pub(super) static WRITE_LOGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local kept = redis.call('HMGET', KEYS[1], 'sealed', 'generation', 'begun')
if kept[1] == ARGV[1] then
  return 1
end
if ARGV[3] == 'new' then
  local begun = kept[3] or ''
  if string.find(begun, ARGV[4], 1, true) then
    return 1
  end
  redis.call('HSET', KEYS[1], 'begun', string.sub(ARGV[4] .. ' ' .. begun, 1, 512))
elseif kept[1] and (kept[2] or '0') ~= ARGV[4] then
  return 0
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[3] ~= 'end' then
  local generation = math.max(tonumber(kept[2] or '0') + 1, now)
  redis.call('HSET', KEYS[1], 'generation', string.format('%.0f', generation))
end
redis.call('HSET', KEYS[1], 'sealed', ARGV[1], 'spender', ARGV[2], 'since', string.format('%.0f', now), 'written', 1)
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
",
    )
});
