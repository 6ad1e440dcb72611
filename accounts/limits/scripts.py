"""What happens to limits within Redis, each in one step. Every script takes one argument, a JSON object, and has Redis's clock.

Of each scope Redis keeps, under `nexus:limits:<scope>:`
- `requests`, `tokens`: a token bucket that holds a minute's worth, as {level, at (ms)}; absent is full, below zero is a debt;
- `streams`: ids of the exchanges under way by the end of their lease;
- `open`, `amounts`: what exchanges may cost that the database's sums do not hold yet, by their end and as {id: millionths, total};
- `spent:<period>:<first day>`: a copy of the database's sum, in millionths of a USD.
"""

_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ask = cjson.decode(ARGV[1])

local function key(scope, name) return 'nexus:limits:' .. scope .. ':' .. name end

local function drop(scope, id)
    local amounts = key(scope, 'amounts')
    local amount = redis.call('HGET', amounts, id)
    if amount then
        redis.call('HDEL', amounts, id)
        redis.call('HINCRBY', amounts, 'total', string.format('%d', -amount))
    end
    redis.call('ZREM', key(scope, 'open'), id)
end

local function put(scope, id, amount, lasts)
    drop(scope, id)
    redis.call('HSET', key(scope, 'amounts'), id, string.format('%d', amount))
    redis.call('HINCRBY', key(scope, 'amounts'), 'total', string.format('%d', amount))
    redis.call('ZADD', key(scope, 'open'), now + lasts, id)
    redis.call('PEXPIRE', key(scope, 'amounts'), ask.keep)
    redis.call('PEXPIRE', key(scope, 'open'), ask.keep)
end

local function lease(scope, id, lasts)
    redis.call('ZADD', key(scope, 'streams'), now + lasts, id)
    redis.call('PEXPIRE', key(scope, 'streams'), lasts)
end

local function level(scope, name, cap)
    local state = redis.call('HMGET', key(scope, name), 'level', 'at')
    if not state[1] then return cap end
    return math.min(cap, state[1] + math.max(0, now - state[2]) * cap / 60000)
end

local function fill(scope, name, cap, value)
    redis.call('HSET', key(scope, name), 'level', math.min(cap, value), 'at', now)
    redis.call('PEXPIRE', key(scope, name), math.max(0, math.ceil((cap - value) / cap * 60000)) + 1000)
end
"""

# All or nothing: a request that one scope refuses takes nothing from another. One that is still arriving reserves again as it
# grows, and `before` are the tokens that it has already. Returns nil, or what refuses: for each its rule's place, its kind and a
# number (milliseconds to wait, or what was spent) and, for money, the place of its cap.
RESERVE = (
    _COMMON
    + """
local refused = {}

local function refuse(place, kind, number, cap)
    table.insert(refused, {place = place - 1, kind = kind, number = number, cap = cap and cap - 1})
end

local function check_bucket(place, rule, name, need)
    local cap = rule[name]
    if not cap or need == 0 then return end
    local missing = math.min(need, cap) - level(rule.scope, name, cap)
    if missing > 0 then refuse(place, name, math.ceil(missing * 60000 / cap)) end
end

local function check_money(place, rule)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', key(rule.scope, 'open'), '-inf', now, 'LIMIT', 0, 1000)) do
        drop(rule.scope, id)
    end
    local reserved = tonumber(redis.call('HGET', key(rule.scope, 'amounts'), 'total') or 0)
    for number, cap in ipairs(rule.caps) do
        local spent = tonumber(redis.call('GET', cap.key) or 0)
        if spent >= cap.most then refuse(place, 'spent', spent, number)
        elseif spent + reserved >= cap.most then refuse(place, 'reserved', spent, number) end
    end
end

local first = not ask.before

local function tokens_of(rule)
    return math.min(ask.tokens, rule.tokens) - math.min(ask.before or 0, rule.tokens)
end

for place, rule in ipairs(ask.rules) do
    if first then check_bucket(place, rule, 'requests', 1) end
    if rule.tokens then check_bucket(place, rule, 'tokens', tokens_of(rule)) end
    if first and rule.streams then
        redis.call('ZREMRANGEBYSCORE', key(rule.scope, 'streams'), '-inf', now)
        local running = redis.call('ZCARD', key(rule.scope, 'streams'))
        if running >= rule.streams then refuse(place, 'streams', running) end
    end
    if ask.billed then check_money(place, rule) end
end
if #refused > 0 then return cjson.encode(refused) end

for _, rule in ipairs(ask.rules) do
    local scope = rule.scope
    if first and rule.requests then fill(scope, 'requests', rule.requests, level(scope, 'requests', rule.requests) - 1) end
    if rule.tokens and ask.tokens > 0 then
        fill(scope, 'tokens', rule.tokens, level(scope, 'tokens', rule.tokens) - tokens_of(rule))
    end
    if rule.streams then lease(scope, ask.id, ask.lease) end
    if ask.billed and #rule.caps > 0 then put(scope, ask.id, ask.amount, ask.lease) end
end
return nil
"""
)

# What is under way stays so, also where Redis forgot it.
RENEW = (
    _COMMON
    + """
for _, hold in ipairs(ask.held) do
    for _, rule in ipairs(hold.rules) do
        if rule.streams then lease(rule.scope, hold.id, ask.lease) end
        if hold.billed and #rule.caps > 0 then put(rule.scope, hold.id, hold.amount, ask.lease) end
    end
end
"""
)

# An exchange came to its end: its slot is free; of its tokens what it did not use comes back. Its money stays reserved, at what is
# known of it now, until the worker has stored it; it may have done so already.
FINISH = (
    _COMMON
    + """
for _, rule in ipairs(ask.rules) do
    local scope = rule.scope
    if rule.streams then redis.call('ZREM', key(scope, 'streams'), ask.id) end
    if rule.tokens and ask.used and ask.tokens > 0 then
        local charged = math.min(ask.tokens, rule.tokens)
        fill(scope, 'tokens', rule.tokens, level(scope, 'tokens', rule.tokens) + charged - ask.used)
    end
    if ask.failed then drop(scope, ask.id)
    elseif redis.call('ZSCORE', key(scope, 'open'), ask.id) then put(scope, ask.id, ask.amount, ask.keep) end
end
"""
)

# The database's sums, and the exchanges that they hold: these are no longer open.
SETTLE = (
    _COMMON
    + """
for _, entry in ipairs(ask.stored) do drop(entry[1], entry[2]) end
for _, sum in ipairs(ask.spent) do redis.call('SET', sum[1], string.format('%d', sum[2]), 'EXAT', sum[3]) end
"""
)
