// An upstream that is faster than any proxy in front of it, and answers as the Messages API does: `upstream PORT`.
//
// The request's model says how it answers. "bench-N-D-F": N text deltas, D milliseconds apart, the first byte F
// milliseconds after the request; numbers may have fractions, and what is left out is 0. With "stream": true it is
// SSE, else one message of 1.5 KB. Model and stream are looked for in the body's first 4 KB. A request needs a
// content-length.
//
// The text of a delta is "~" and CLOCK_MONOTONIC in nanoseconds, 19 digits, when it was made: so loadgen.c knows
// how long each was on its way. Each delta is written by itself, as the API does.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 8192, READ_BYTES = 1 << 18, LARGEST = 32 << 20, LOOK_BYTES = 4096 };
#define NEVER UINT64_MAX

enum phase { READING, HEADERS, DELTAS, TAIL };

struct connection {
    char *in;
    size_t got, room, total; // total: of head and body, 0 until the head is whole
    size_t head;
    char *out;
    size_t made, sent, out_room;
    enum phase phase;
    int is_stream, delta, deltas, waits_to_write;
    uint64_t start, gap;
};

static struct connection *open_connections[CONNECTIONS]; // by descriptor
static uint64_t due[CONNECTIONS];                        // dense, as it is looked through after each wait
static int highest, poller;
static char message[4096];

static const char FIELDS[] = "request-id: req_bench\r\nanthropic-ratelimit-requests-limit: 4000\r\n"
                             "anthropic-ratelimit-requests-remaining: 3999\r\nserver: bench\r\n";
static const char OPENING[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\","
    "\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
    "\"usage\":{\"input_tokens\":1200,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,"
    "\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
static const char CLOSING[] =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":%d}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void make_message(void) {
    char text[1200] = "";
    while (strlen(text) < 1050) strcat(text, "All that is gold does not glitter, and not each byte is a token. ");
    char body[2048];
    int length = snprintf(body, sizeof body,
        "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\","
        "\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":1200,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,"
        "\"output_tokens\":256}}", text);
    snprintf(message, sizeof message,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s", FIELDS, length, body);
}

static void put(struct connection *c, const char *bytes, size_t count) {
    if (c->made + count > c->out_room) {
        c->out_room = 2 * (c->made + count);
        c->out = realloc(c->out, c->out_room);
    }
    memcpy(c->out + c->made, bytes, count);
    c->made += count;
}

static void put_chunk(struct connection *c, const char *bytes, size_t count) {
    char size[24];
    put(c, size, (size_t)sprintf(size, "%zx\r\n", count));
    put(c, bytes, count);
    put(c, "\r\n", 2);
}

static void put_opening(struct connection *c) {
    char head[1024];
    put(c, head, (size_t)sprintf(head, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        "cache-control: no-cache\r\n%stransfer-encoding: chunked\r\n\r\n", FIELDS));
    put_chunk(c, OPENING, sizeof OPENING - 1);
}

static void put_delta(struct connection *c) {
    char event[200];
    put_chunk(c, event, (size_t)sprintf(event, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
        "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"~%019llu\"}}\n\n", (unsigned long long)now()));
}

static void put_closing(struct connection *c) {
    char events[sizeof CLOSING + 16];
    put_chunk(c, events, (size_t)sprintf(events, CLOSING, c->deltas));
    put(c, "0\r\n\r\n", 5);
}

static void hang_up(int fd) {
    struct connection *c = open_connections[fd];
    close(fd);
    free(c->in);
    free(c->out);
    free(c);
    open_connections[fd] = NULL;
    due[fd] = NEVER;
}

static void watch_writing(int fd, int waits) {
    struct connection *c = open_connections[fd];
    if (c->waits_to_write == waits) return;
    c->waits_to_write = waits;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (waits ? EPOLLOUT : 0), .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
}

// 1: all is sent, 0: the socket is full, -1: the connection is gone.
static int flush(int fd) {
    struct connection *c = open_connections[fd];
    while (c->sent < c->made) {
        ssize_t count = send(fd, c->out + c->sent, c->made - c->sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EAGAIN) return -1;
        watch_writing(fd, count < 0);
        if (count < 0) return 0;
        c->sent += (size_t)count;
    }
    watch_writing(fd, 0);
    c->made = c->sent = 0;
    return 1;
}

// Make the next piece of the answer.
static void step(int fd) {
    struct connection *c = open_connections[fd];
    if (c->phase == HEADERS && !c->is_stream) {
        put(c, message, strlen(message));
        c->phase = READING;
    } else if (c->phase == HEADERS) {
        put_opening(c);
        c->phase = c->deltas ? DELTAS : TAIL;
        c->start = now();
    } else if (c->phase == DELTAS) {
        put_delta(c);
        if (++c->delta == c->deltas) c->phase = TAIL;
    } else {
        put_closing(c);
        c->phase = READING;
    }
    due[fd] = c->phase == DELTAS && c->gap ? c->start + c->gap * (uint64_t)(c->delta + 1) : 0;
}

// Go on with the answer as far as clock and socket let it: -1 when the connection is gone.
static int go_on(int fd) {
    struct connection *c = open_connections[fd];
    for (;;) {
        int flushed = flush(fd);
        if (flushed < 0) return -1;
        if (!flushed || c->phase == READING) {
            due[fd] = NEVER; // until it may be written again, or asked again
            return 0;
        }
        if (due[fd] == NEVER) due[fd] = 0; // it was full, and is not any more
        if (due[fd] > now()) return 0;
        step(fd);
    }
}

static void answer(int fd) {
    struct connection *c = open_connections[fd];
    double deltas = 0, apart = 0, first = 0;
    size_t length = c->total - c->head, look = length < LOOK_BYTES ? length : LOOK_BYTES;
    char start[LOOK_BYTES + 1];
    memcpy(start, c->in + c->head, look);
    start[look] = 0;
    char *model = strstr(start, "\"bench-"), *stream = strstr(start, "\"stream\"");
    if (model) sscanf(model, "\"bench-%lf-%lf-%lf", &deltas, &apart, &first);
    if (stream) stream += strspn(stream + 8, " :") + 8;
    c->is_stream = stream && *stream == 't';
    c->deltas = (int)deltas;
    c->delta = 0;
    c->gap = (uint64_t)(apart * 1e6);
    c->phase = HEADERS;
    due[fd] = first > 0 ? now() + (uint64_t)(first * 1e6) : 0;
}

// Whether a whole request is there; -1 for one that cannot be read.
static int is_whole(struct connection *c) {
    if (!c->total) {
        char *end = memmem(c->in, c->got, "\r\n\r\n", 4);
        if (!end) return 0;
        *end = 0;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        *end = '\r';
        if (!length) return -1;
        c->head = (size_t)(end + 4 - c->in);
        c->total = c->head + strtoul(length + 17, NULL, 10);
        if (c->total > LARGEST) return -1;
    }
    return c->got >= c->total;
}

// Answer what was asked: -1 when the connection is gone.
static int serve(int fd) {
    struct connection *c = open_connections[fd];
    while (c->phase == READING && c->got) {
        int whole = is_whole(c);
        if (whole <= 0) return whole;
        answer(fd);
        memmove(c->in, c->in + c->total, c->got - c->total);
        c->got -= c->total;
        c->total = 0;
        if (go_on(fd) < 0) return -1;
    }
    return 0;
}

static int take(int fd) {
    struct connection *c = open_connections[fd];
    for (;;) {
        if (c->room - c->got < READ_BYTES) {
            c->room = c->total > c->room ? c->total + READ_BYTES : 2 * c->room + READ_BYTES;
            c->in = realloc(c->in, c->room + 1);
        }
        ssize_t count = recv(fd, c->in + c->got, c->room - c->got, 0);
        if (count == 0) return -1;
        if (count < 0) return errno == EAGAIN || errno == EINTR ? serve(fd) : -1;
        c->got += (size_t)count;
        c->in[c->got] = 0;
        if (is_whole(c) < 0) return -1;
    }
}

static void welcome(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        open_connections[fd] = calloc(1, sizeof(struct connection));
        due[fd] = NEVER;
        if (fd > highest) highest = fd;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static void handle(int fd, uint32_t events) {
    if (!open_connections[fd]) return;
    int is_gone = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (!is_gone && events & EPOLLIN) is_gone = take(fd) < 0;
    if (!is_gone && events & EPOLLOUT) is_gone = go_on(fd) < 0 || serve(fd) < 0;
    if (is_gone) hang_up(fd);
}

// How long nothing is due.
static struct timespec rest(void) {
    uint64_t next = NEVER, t = now();
    for (int fd = 0; fd <= highest; fd++)
        if (due[fd] < next) next = due[fd];
    uint64_t wait = next == NEVER ? 1000000000u : next > t ? next - t : 0;
    return (struct timespec){(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
}

static int listen_at(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) {
        perror("upstream: the port cannot be listened on");
        exit(1);
    }
    return listener;
}

int main(int count, char **words) {
    if (count < 2) {
        fprintf(stderr, "usage: upstream PORT\n");
        return 2;
    }
    for (int fd = 0; fd < CONNECTIONS; fd++) due[fd] = NEVER;
    make_message();
    int listener = listen_at(atoi(words[1]));
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, found[512];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct timespec wait = rest();
        int ready = epoll_pwait2(poller, found, 512, &wait, NULL);
        for (int i = 0; i < ready; i++) {
            if (found[i].data.fd == listener) welcome(listener);
            else handle(found[i].data.fd, found[i].events);
        }
        uint64_t t = now();
        for (int fd = 0; fd <= highest; fd++)
            if (due[fd] <= t && (go_on(fd) < 0 || serve(fd) < 0)) hang_up(fd);
    }
}
