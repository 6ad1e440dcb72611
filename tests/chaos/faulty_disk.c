/* A disk that fails, for a process that is started with LD_PRELOAD.
 *
 * The first byte of the file FAULTY_DISK_SWITCH says what fails at this moment below the folder FAULTY_DISK_FOLDER: 0 nothing,
 * 1 what reads, 2 what writes, 3 both. Such a call gives EIO. The eight bytes at offset 8 count them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READS = 1, WRITES = 2 };

static volatile unsigned char *state;
static const char *folder;
static size_t folder_length;

__attribute__((constructor)) static void look_at_the_switch(void) {
    const char *path = getenv("FAULTY_DISK_SWITCH");
    folder = getenv("FAULTY_DISK_FOLDER");
    int fd = path && folder ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    folder_length = strlen(folder);
    void *mapped = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        state = mapped;
}

static int below(const char *path) {
    return !strncmp(path, folder, folder_length) && path[folder_length] == '/';
}

static int fails_at(const char *path, int what) {
    if (!state || !(*state & what) || !below(path))
        return 0;
    __atomic_fetch_add((uint64_t *)(state + 8), 1, __ATOMIC_RELAXED);
    errno = EIO;
    return 1;
}

static int fails(int fd, int what) {
    if (!state || !(*state & what))
        return 0;
    char link[40], path[PATH_MAX + 1];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails_at(path, what);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                                            \
    int name(const char *path, int flags, ...) {                                              \
        va_list rest;                                                                         \
        va_start(rest, flags);                                                                \
        mode_t mode = va_arg(rest, mode_t);                                                   \
        va_end(rest);                                                                         \
        if (fails_at(path, (flags & O_ACCMODE) == O_RDONLY ? READS : WRITES))                 \
            return -1;                                                                        \
        return REAL(name)(path, flags, mode);                                                 \
    }

#define ON_DESCRIPTOR(type, name, what, declared, given)                                      \
    type name declared {                                                                      \
        static __typeof__(&name) real;                                                        \
        if (!real)                                                                            \
            real = REAL(name);                                                                \
        return fails(fd, what) ? -1 : real given;                                             \
    }

OPEN(open)
OPEN(open64)
ON_DESCRIPTOR(ssize_t, read, READS, (int fd, void *to, size_t size), (fd, to, size))
ON_DESCRIPTOR(ssize_t, pread, READS, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
ON_DESCRIPTOR(ssize_t, pread64, READS, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at))
ON_DESCRIPTOR(ssize_t, write, WRITES, (int fd, const void *from, size_t size), (fd, from, size))
ON_DESCRIPTOR(ssize_t, pwrite, WRITES, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
ON_DESCRIPTOR(ssize_t, pwrite64, WRITES, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at))
#define VECTOR(name, offset) \
    ON_DESCRIPTOR(ssize_t, name, WRITES, (int fd, const struct iovec *from, int count, offset at), (fd, from, count, at))
#define FLAGGED_VECTOR(name, offset)                                                          \
    ON_DESCRIPTOR(ssize_t, name, WRITES, (int fd, const struct iovec *from, int count, offset at, int flags), \
                  (fd, from, count, at, flags))
VECTOR(pwritev, off_t)
VECTOR(pwritev64, off64_t)
FLAGGED_VECTOR(pwritev2, off_t) /* what Python's os.pwritev calls */
FLAGGED_VECTOR(pwritev64v2, off64_t)
ON_DESCRIPTOR(int, ftruncate, WRITES, (int fd, off_t size), (fd, size))
ON_DESCRIPTOR(int, ftruncate64, WRITES, (int fd, off64_t size), (fd, size))

int unlink(const char *path) { return fails_at(path, WRITES) ? -1 : REAL(unlink)(path); }
