// Load on an HTTP/1.1 port of this machine: `loadgen -p PORT -f REQUEST [-c CONNECTIONS] [-d SECONDS] [-n REQUESTS]
// [-r RATE] [-w RAMP] [-e EVENTS]`. REQUEST is the file of a whole request, head and body.
//
// Closed loop: each connection asks again as soon as it has its answer. Open loop (-r): Poisson arrivals, so many a
// second; one that finds no connection free waits, and its times count from its arrival. After SECONDS nothing new
// begins, what is under way is finished. -w spreads the first requests over that many seconds. -e: answers are
// streams of upstream.c with so many deltas; any other number is an error.
//
// Prints one JSON object; times are milliseconds, quantiles within 1 %.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192, READ_BYTES = 1 << 18, STAMP_DIGITS = 19, BUCKETS = 64 * 64, PATIENCE_SECONDS = 60 };

enum state { IDLE, HEAD, CHUNK_SIZE, CHUNK, CHUNK_END, BODY, LAST_LINE };

struct connection {
    int fd, is_connected, events, digits, status, line;
    enum state state;
    size_t sent, head_bytes;
    uint64_t asked, first, left, stamp;
    char head[HEAD_BYTES + 1];
};

struct times {
    uint64_t count, largest, buckets[BUCKETS];
};

static struct connection *connections;
static struct times firsts, totals, delays;
static char *request, buffer[READ_BYTES], first_error[256];
static size_t request_bytes;
static struct sockaddr_in target;
static int poller, connection_count = 1, expected_events = -1, started_connections;
static uint64_t begun, done, failed, events, answers_in_time, most = UINT64_MAX, stop_at, last_at;
static double seconds = 2, rate, ramp;
static uint64_t *arrivals; // those that wait for a connection
static size_t arrival_room = 1 << 20, arrival_first, arrival_count;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Buckets of equal width within each power of two: 64 of them, so that none is wider than 1.6 % of its value.
static size_t bucket_of(uint64_t value) {
    if (value < 64) return value;
    int power = 63 - __builtin_clzll(value);
    return (size_t)(power - 5) * 64 + ((value >> (power - 6)) & 63);
}

static double middle_of(size_t bucket) {
    if (bucket < 64) return (double)bucket;
    return ((double)(bucket % 64) + 64.5) * (double)(1ull << (bucket / 64 - 1));
}

static void note(struct times *times, uint64_t from, uint64_t to) {
    uint64_t value = to > from ? to - from : 0;
    times->count++;
    times->buckets[bucket_of(value)]++;
    if (value > times->largest) times->largest = value;
}

static double quantile(const struct times *times, double part) {
    uint64_t wanted = (uint64_t)ceil(part * (double)times->count), seen = 0;
    for (size_t i = 0; i < BUCKETS && times->count; i++)
        if ((seen += times->buckets[i]) >= wanted) return fmin(middle_of(i), (double)times->largest) / 1e6;
    return 0;
}

static void print(const char *name, const struct times *times) {
    printf("\"%s\":{\"count\":%llu,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f},", name, (unsigned long long)times->count,
        quantile(times, .5), quantile(times, .99), (double)times->largest / 1e6);
}

static void ask(struct connection *c, uint64_t at);

static void disconnect(struct connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

// The connection is free: give it what comes next.
static void next(struct connection *c, uint64_t at) {
    c->state = IDLE;
    if (rate > 0 && arrival_count) {
        uint64_t arrived = arrivals[arrival_first];
        arrival_first = (arrival_first + 1) % arrival_room;
        arrival_count--;
        ask(c, arrived);
    } else if (rate <= 0 && at < stop_at && begun < most) {
        ask(c, at);
    }
}

static void fail(struct connection *c, uint64_t at, const char *why) {
    if (!first_error[0]) {
        int room = (int)sizeof first_error;
        snprintf(first_error, (size_t)room, "%s, status %d, %d events: %.120s", why, c->status, c->events, c->head);
        for (char *p = first_error; *p; p++)
            if (*p == '"' || *p == '\\' || (unsigned char)*p < 32 || (unsigned char)*p > 126) *p = ' ';
    }
    failed++;
    last_at = at;
    disconnect(c);
    c->state = IDLE;
    if (failed < 1000) next(c, at);
}

static void finish(struct connection *c, uint64_t at) {
    if (c->status != 200) {
        fail(c, at, "another status");
    } else if (expected_events >= 0 && c->events != expected_events) {
        fail(c, at, "events are missing");
    } else {
        done++;
        last_at = at;
        answers_in_time += at <= stop_at;
        note(&firsts, c->asked, c->first);
        note(&totals, c->asked, at);
        next(c, at);
    }
}

static void watch(struct connection *c, int operation) {
    uint32_t writes = c->sent < request_bytes ? EPOLLOUT : 0;
    struct epoll_event event = {.events = EPOLLIN | writes, .data.ptr = c};
    epoll_ctl(poller, operation, c->fd, &event);
}

static void send_on(struct connection *c) {
    while (c->sent < request_bytes) {
        ssize_t count = send(c->fd, request + c->sent, request_bytes - c->sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break; // full, or broken: then reading tells
        c->sent += (size_t)count;
    }
}

static void ask(struct connection *c, uint64_t at) {
    begun++;
    c->state = HEAD;
    c->asked = at;
    c->first = c->left = 0;
    c->sent = c->head_bytes = 0;
    c->events = c->status = c->line = 0;
    c->digits = -1;
    if (c->fd < 0) {
        int one = 1;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connect(c->fd, (void *)&target, sizeof target);
        watch(c, EPOLL_CTL_ADD);
    } else {
        send_on(c);
        if (c->sent < request_bytes) watch(c, EPOLL_CTL_MOD);
    }
}

// Find the stamps of upstream.c in a piece of a body, at any cut.
static void read_body(struct connection *c, const char *bytes, size_t count, uint64_t at) {
    const char *end = bytes + count;
    while (bytes < end) {
        if (c->digits < 0) {
            if (!(bytes = memchr(bytes, '~', (size_t)(end - bytes)))) return;
            bytes++;
            c->digits = 0;
            c->stamp = 0;
        }
        for (; bytes < end && c->digits < STAMP_DIGITS; c->digits++) c->stamp = c->stamp * 10 + (uint64_t)(*bytes++ - '0');
        if (c->digits < STAMP_DIGITS) return;
        c->digits = -1;
        c->events++;
        events++;
        note(&delays, c->stamp, at);
    }
}

// Take what belongs to the head; the bytes taken, or -1 for one that is no answer.
static ssize_t read_head(struct connection *c, const char *bytes, size_t count, uint64_t at) {
    size_t before = c->head_bytes, room = HEAD_BYTES - before, taken = count < room ? count : room;
    if (!c->first) c->first = at;
    memcpy(c->head + before, bytes, taken);
    c->head[c->head_bytes += taken] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return c->head_bytes == HEAD_BYTES ? -1 : (ssize_t)taken;
    end[2] = 0;
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->status = atoi(c->head + 9);
    c->left = length ? strtoull(length + 17, NULL, 10) : 0;
    c->state = length ? BODY : CHUNK_SIZE;
    return end + 4 - (c->head + before);
}

// One byte of the lines around chunks: 1 when the answer ends with it.
static int read_line(struct connection *c, char byte) {
    if (c->state == CHUNK_END) {
        if (byte == '\n') c->state = CHUNK_SIZE;
    } else if (byte == '\n') {
        if (c->state == LAST_LINE && !c->line) return 1;
        if (c->state == CHUNK_SIZE) c->state = c->left ? CHUNK : LAST_LINE;
        c->line = 0;
    } else if (byte != '\r') {
        c->line++;
        int digit = byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10;
        if (c->state == CHUNK_SIZE) c->left = c->left * 16 + (uint64_t)digit;
    }
    return 0;
}

static void read_answer(struct connection *c, const char *bytes, size_t count, uint64_t at) {
    while (count) {
        size_t taken = 1;
        int ends = 0;
        if (c->state == HEAD) {
            ssize_t head = read_head(c, bytes, count, at);
            if (head < 0) return fail(c, at, "no HTTP");
            taken = (size_t)head;
            ends = c->state == BODY && !c->left;
        } else if (c->state == BODY || c->state == CHUNK) {
            taken = count < c->left ? count : c->left;
            read_body(c, bytes, taken, at);
            c->left -= taken;
            ends = !c->left && c->state == BODY;
            if (!c->left && c->state == CHUNK) c->state = CHUNK_END;
        } else {
            ends = read_line(c, *bytes);
        }
        if (ends) return finish(c, at); // the server says nothing unasked
        bytes += taken;
        count -= taken;
    }
}

static void handle(struct connection *c, uint32_t found) {
    if (c->fd >= 0 && found & EPOLLOUT) {
        send_on(c);
        if (c->sent == request_bytes) watch(c, EPOLL_CTL_MOD);
    }
    if (c->fd < 0 || !(found & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t count = recv(c->fd, buffer, sizeof buffer, 0);
    uint64_t at = now();
    if (count > 0 && c->state != IDLE) read_answer(c, buffer, (size_t)count, at);
    else if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        if (c->state == IDLE) disconnect(c);
        else fail(c, at, "the connection was closed");
    }
}

// Begin what is to begin by now; the time at which there will be more.
static uint64_t begin(uint64_t start, uint64_t at) {
    static uint64_t arrival;
    static int searched;
    if (rate <= 0) {
        uint64_t apart = (uint64_t)(ramp * 1e9 / connection_count);
        while (started_connections < connection_count && at < stop_at && begun < most) {
            uint64_t due = start + apart * (uint64_t)started_connections;
            if (due > at) return due;
            ask(&connections[started_connections++], at);
        }
        return UINT64_MAX;
    }
    if (!arrival) arrival = start;
    for (; arrival <= at && arrival < stop_at; arrival += (uint64_t)(-log(1 - drand48()) / rate * 1e9)) {
        int tried = 0;
        while (tried < connection_count && connections[searched].state != IDLE) {
            searched = (searched + 1) % connection_count;
            tried++;
        }
        if (tried < connection_count) ask(&connections[searched], arrival);
        else if (arrival_count < arrival_room) arrivals[(arrival_first + arrival_count++) % arrival_room] = arrival;
    }
    return arrival < stop_at ? arrival : UINT64_MAX;
}

static int is_busy(void) {
    for (int i = 0; i < connection_count; i++)
        if (connections[i].state != IDLE) return 1;
    return arrival_count > 0;
}

static void run(uint64_t start) {
    struct epoll_event found[512];
    uint64_t last_call = stop_at + PATIENCE_SECONDS * 1000000000ull;
    for (;;) {
        uint64_t at = now(), due = begin(start, at), wait = due > at ? due - at : 0;
        if (wait > 100000000u) wait = 100000000u;
        if ((at >= stop_at || begun >= most || failed >= 1000) && !is_busy()) return;
        if (at > last_call) break;
        struct timespec rest = {0, (long)wait};
        int ready = epoll_pwait2(poller, found, 512, &rest, NULL);
        for (int i = 0; i < ready; i++) handle(found[i].data.ptr, found[i].events);
    }
    most = 0;
    for (int i = 0; i < connection_count; i++)
        if (connections[i].state != IDLE) fail(&connections[i], now(), "no end of the answer");
}

static void load_request(const char *path) {
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (!file) {
        fprintf(stderr, "loadgen: -f names no file that can be read\n");
        exit(2);
    }
    fseek(file, 0, SEEK_END);
    request_bytes = (size_t)ftell(file);
    rewind(file);
    request = malloc(request_bytes);
    if (fread(request, 1, request_bytes, file) != request_bytes) exit(2);
    fclose(file);
}

static void options(int count, char **words) {
    const char *path = NULL;
    target.sin_family = AF_INET;
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int option; (option = getopt(count, words, "p:f:c:d:n:r:w:e:")) != -1;) {
        if (option == 'p') target.sin_port = htons((uint16_t)atoi(optarg));
        else if (option == 'f') path = optarg;
        else if (option == 'c') connection_count = atoi(optarg);
        else if (option == 'd') seconds = atof(optarg);
        else if (option == 'n') most = strtoull(optarg, NULL, 10);
        else if (option == 'r') rate = atof(optarg);
        else if (option == 'w') ramp = atof(optarg);
        else if (option == 'e') expected_events = atoi(optarg);
        else exit(2);
    }
    load_request(path);
}

int main(int count, char **words) {
    options(count, words);
    poller = epoll_create1(0);
    connections = calloc((size_t)connection_count, sizeof *connections);
    arrivals = malloc(arrival_room * sizeof *arrivals);
    for (int i = 0; i < connection_count; i++) connections[i].fd = -1;
    uint64_t start = now();
    last_at = start;
    stop_at = start + (uint64_t)(seconds * 1e9);
    run(start);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double lasted = (double)(last_at - start) / 1e9, window = lasted < seconds ? lasted : seconds;
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
        + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"begun\":%llu,\"done\":%llu,\"failed\":%llu,\"events\":%llu,\"seconds\":%.4f,\"rate\":%.2f,\"cpu\":%.4f,",
        (unsigned long long)begun, (unsigned long long)done, (unsigned long long)failed, (unsigned long long)events,
        lasted, window > 0 ? (double)answers_in_time / window : 0, cpu);
    print("first", &firsts);
    print("total", &totals);
    print("event", &delays);
    printf("\"error\":\"%s\"}\n", first_error);
    return 0;
}
