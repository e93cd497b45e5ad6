// A library for LD_PRELOAD that counts the effects of a process on a folder and on its TCP peers, and acts at one of
// these effects. See tests/test_effects.py.
//
//   EFFECTS_FOLDER  effects on this folder and below it count, and requests over TCP; nothing else does
//   EFFECTS_KINDS   only these kinds count, separated by commas; all of them if it is not set
//   EFFECTS_LOG     file to which each effect that counts appends a line: its kind and its path
//   EFFECTS_AT      number of the effect to act at, from 1
//   EFFECTS_DO      kill        the process ends before the effect
//                   kill-after  the process ends after it
//                   ENOSPC      (or another errno) the effect fails and does not take place
//                   ENOSPC-on   it does so, and so does each later one
//                   EIO-after   it takes place, and then reports that it failed
//
// Calls are counted, whatever their result is. Writes through memory maps, and system calls made without libc, would
// not be seen, so the tests check that every file has a creation and a write among the effects.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LONGEST (2 * PATH_MAX)

// The libc's own function of the name.
#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static const struct {
    const char *name;
    int number;
} ERRORS[] = {{"ENOSPC", ENOSPC}, {"EROFS", EROFS},   {"EIO", EIO},       {"EDQUOT", EDQUOT},
              {"EACCES", EACCES}, {"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"EOPNOTSUPP", EOPNOTSUPP}};

enum verdict { PASS, FAIL, FAIL_AFTER, DIE_AFTER };

static const char *folder, *kinds;
static atomic_long count;
static long at;
static int log_fd = -1, error;
static enum { NOTHING, KILL, KILL_AFTER, ONCE, ON, AFTER } todo;

static int is_open(const char *path, int flags) {
    REAL(open);
    return real(path, flags, 0644);
}

static void say(const char *kind, const char *path) {
    char line[LONGEST + 64];
    REAL(write);
    int length = snprintf(line, sizeof line, "%s %s\n", kind, path);
    // One call with O_APPEND: lines of several threads stay whole.
    if (real(log_fd, line, length) != length) abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("EFFECTS_LOG"), *number = getenv("EFFECTS_AT"), *what = getenv("EFFECTS_DO");
    if (log && (log_fd = is_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC)) < 0) abort();
    at = number ? atol(number) : 0;
    if (what && !strcmp(what, "kill")) {
        todo = KILL;
    } else if (what && !strcmp(what, "kill-after")) {
        todo = KILL_AFTER;
    } else if (what) {
        size_t length = strcspn(what, "-");
        for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++)
            if (strlen(ERRORS[i].name) == length && !strncmp(what, ERRORS[i].name, length)) error = ERRORS[i].number;
        const char *how = what + length;
        todo = !*how ? ONCE : !strcmp(how, "-on") ? ON : !strcmp(how, "-after") ? AFTER : NOTHING;
        // An unknown word must not pass for a test.
        if (!error || todo == NOTHING) abort();
    }
    kinds = getenv("EFFECTS_KINDS");
    folder = getenv("EFFECTS_FOLDER");
}

static void die(void) {
    // The signal goes to this thread: with one to the process, this thread could go on for a moment.
    raise(SIGKILL);
    for (;;) pause();
}

static int counts(const char *kind) {
    size_t length = strlen(kind);
    for (const char *found = kinds; found; found = strchr(found, ',') ? strchr(found, ',') + 1 : NULL)
        if (!strncmp(found, kind, length) && (!found[length] || found[length] == ',')) return 1;
    return !kinds;
}

static enum verdict effect(const char *kind, const char *path) {
    if (!counts(kind)) return PASS;
    long number = atomic_fetch_add(&count, 1) + 1;
    if (log_fd >= 0) say(kind, path);
    if (todo == ON && at && number >= at) return FAIL;
    if (number != at) return PASS;
    if (todo == KILL) die();
    return todo == KILL_AFTER ? DIE_AFTER : todo == ONCE ? FAIL : todo == AFTER ? FAIL_AFTER : PASS;
}

static int below(const char *path) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (!path[length] || path[length] == '/');
}

// The target of a file descriptor: a path, or the kernel's name for it.
static int target(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX);
    path[length < 0 ? 0 : length] = 0;
    return length >= 0;
}

static enum verdict on_path(const char *kind, int dirfd, const char *path) {
    char whole[LONGEST] = "";
    int saved = errno;
    if (!folder || !path) return PASS;
    if (path[0] != '/' && target(dirfd, whole)) strcat(whole, "/");
    strncat(whole, path, PATH_MAX - 1);
    enum verdict verdict = below(whole) ? effect(kind, whole) : PASS;
    errno = saved;
    return verdict;
}

static enum verdict on_fd(const char *kind, int fd) {
    char path[LONGEST];
    int saved = errno;
    enum verdict verdict = PASS;
    if (!folder || !target(fd, path)) return PASS;
    if (path[0] == '/') {
        if (below(path)) verdict = effect(kind, path);
    } else if (!strncmp(path, "socket:", 7) && !strcmp(kind, "write")) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int there = !getpeername(fd, (struct sockaddr *)&peer, &length);
        if (there && (peer.ss_family == AF_INET || peer.ss_family == AF_INET6)) verdict = effect("send", "tcp");
    }
    errno = saved;
    return verdict;
}

#define AROUND(type, name, ask, ...)                                                                                   \
    REAL(name);                                                                                                        \
    enum verdict then = (ask);                                                                                         \
    if (then == FAIL) {                                                                                                \
        errno = error;                                                                                                 \
        return -1;                                                                                                     \
    }                                                                                                                  \
    type result = real(__VA_ARGS__);                                                                                   \
    if (then == DIE_AFTER) die();                                                                                      \
    if (then == FAIL_AFTER) {                                                                                          \
        errno = error;                                                                                                 \
        return -1;                                                                                                     \
    }                                                                                                                  \
    return result

// Opening is an effect if it can make a file or empty one.
#define OPENING(flags, dirfd, path) ((flags) & (O_CREAT | O_TRUNC) ? on_path("open", dirfd, path) : PASS)
#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                           \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    AROUND(int, open, OPENING(flags, AT_FDCWD, path), path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    AROUND(int, open64, OPENING(flags, AT_FDCWD, path), path, flags, mode);
}
int openat(int dirfd, const char *path, int flags, ...) {
    MODE(flags)
    AROUND(int, openat, OPENING(flags, dirfd, path), dirfd, path, flags, mode);
}
int openat64(int dirfd, const char *path, int flags, ...) {
    MODE(flags)
    AROUND(int, openat64, OPENING(flags, dirfd, path), dirfd, path, flags, mode);
}
int creat(const char *path, mode_t mode) { AROUND(int, creat, on_path("open", AT_FDCWD, path), path, mode); }
int creat64(const char *path, mode_t mode) { AROUND(int, creat64, on_path("open", AT_FDCWD, path), path, mode); }

ssize_t write(int fd, const void *bytes, size_t size) { AROUND(ssize_t, write, on_fd("write", fd), fd, bytes, size); }
ssize_t writev(int fd, const struct iovec *parts, int n) { AROUND(ssize_t, writev, on_fd("write", fd), fd, parts, n); }
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t to) {
    AROUND(ssize_t, pwrite, on_fd("write", fd), fd, bytes, size, to);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t to) {
    AROUND(ssize_t, pwrite64, on_fd("write", fd), fd, bytes, size, to);
}
ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t to) {
    AROUND(ssize_t, pwritev, on_fd("write", fd), fd, parts, n, to);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t to) {
    AROUND(ssize_t, pwritev64, on_fd("write", fd), fd, parts, n, to);
}
ssize_t copy_file_range(int from, off64_t *at_from, int to, off64_t *at_to, size_t size, unsigned flags) {
    AROUND(ssize_t, copy_file_range, on_fd("write", to), from, at_from, to, at_to, size, flags);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    AROUND(ssize_t, sendfile, on_fd("write", to), to, from, offset, size);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    AROUND(ssize_t, sendfile64, on_fd("write", to), to, from, offset, size);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    AROUND(ssize_t, send, on_fd("write", fd), fd, bytes, size, flags);
}
ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    AROUND(ssize_t, sendto, on_fd("write", fd), fd, bytes, size, flags, to, length);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    AROUND(ssize_t, sendmsg, on_fd("write", fd), fd, message, flags);
}

int fsync(int fd) { AROUND(int, fsync, on_fd("sync", fd), fd); }
int fdatasync(int fd) { AROUND(int, fdatasync, on_fd("sync", fd), fd); }
int ftruncate(int fd, off_t size) { AROUND(int, ftruncate, on_fd("truncate", fd), fd, size); }
int ftruncate64(int fd, off64_t size) { AROUND(int, ftruncate64, on_fd("truncate", fd), fd, size); }

int rename(const char *from, const char *to) { AROUND(int, rename, on_path("rename", AT_FDCWD, to), from, to); }
int renameat(int a, const char *from, int b, const char *to) {
    AROUND(int, renameat, on_path("rename", b, to), a, from, b, to);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    AROUND(int, renameat2, on_path("rename", b, to), a, from, b, to, flags);
}
int link(const char *from, const char *to) { AROUND(int, link, on_path("link", AT_FDCWD, to), from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    AROUND(int, linkat, on_path("link", b, to), a, from, b, to, flags);
}
int unlink(const char *path) { AROUND(int, unlink, on_path("unlink", AT_FDCWD, path), path); }
int unlinkat(int dirfd, const char *path, int flags) {
    AROUND(int, unlinkat, on_path("unlink", dirfd, path), dirfd, path, flags);
}
int rmdir(const char *path) { AROUND(int, rmdir, on_path("unlink", AT_FDCWD, path), path); }
int mkdir(const char *path, mode_t mode) { AROUND(int, mkdir, on_path("mkdir", AT_FDCWD, path), path, mode); }
int mkdirat(int dirfd, const char *path, mode_t mode) {
    AROUND(int, mkdirat, on_path("mkdir", dirfd, path), dirfd, path, mode);
}
