"""The kinds of fault, by the words that the log and the summary use."""

PROXY, WORKER, POOL, REDIS, REDIS_WIPED, POSTGRES = KILLS = (
    "proxy",
    "worker",
    "its pool",  # one process of a worker, the one that may be storing a batch
    "redis",
    "redis, wiped",
    "postgres",
)
DESCRIPTORS, DISK, REDIS_FULL, RESTART = TROUBLES = (
    "EMFILE",  # of a proxy or a worker
    "EIO",  # in a proxy's spool
    "redis, full",
    "rolling restart",  # of a proxy
)
KINDS = (*KILLS, *TROUBLES)
