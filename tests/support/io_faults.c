/* Preloaded into a process under test: sees every call that changes something below IO_FAULTS_ROOT, writes it to
 * IO_FAULTS_TRACE, and at one of them does what IO_FAULTS_ACTION says.
 *
 * A call is named by what it does and where ("rename", "data/warehouse/strava.duckdb") and by its number among those
 * that look the same, not by one running number: threads may interleave, and then that number would mean another call
 * each time. "!" in the trace says that the fault was done.
 *
 *   IO_FAULTS_KIND    write pwrite create open rename unlink rmdir mkdir fsync ftruncate chmod request response
 *   IO_FAULTS_PLACE   shell pattern for the path below the root
 *   IO_FAULTS_NUMBER  from 1
 *   IO_FAULTS_ACTION  kill: before the call. torn: after half a write. short: half a write, once.
 *                     enospc, eio: the call fails, once.
 *
 * Not counted: opening to read, making a folder that is there, unlinking what is not there. "open" is opening to write
 * without making or emptying the file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
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
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING = 0, SHORT = -1, TORN = -2, KILL = -3 }; /* an action; positive: the errno to fail with */

static const char *root, *kind_wanted, *place, *trace;
static long number;
static int action;
static pid_t prepared; /* a forked child has an environment of its own */
static atomic_long seen;
static atomic_int answered; /* bytes of a response were read, and nothing was done since */

static void prepare(void) {
    if (prepared == getpid()) return;
    const char *name = getenv("IO_FAULTS_ACTION"), *nth = getenv("IO_FAULTS_NUMBER");
    root = getenv("IO_FAULTS_ROOT");
    trace = getenv("IO_FAULTS_TRACE");
    kind_wanted = getenv("IO_FAULTS_KIND");
    place = getenv("IO_FAULTS_PLACE");
    number = nth ? atol(nth) : 0;
    action = !name                    ? NOTHING
             : !strcmp(name, "kill")  ? KILL
             : !strcmp(name, "torn")  ? TORN
             : !strcmp(name, "short") ? SHORT
             : !strcmp(name, "eio")   ? EIO
                                      : ENOSPC;
    seen = 0;
    answered = 0;
    prepared = getpid();
}

static void note(const char *kind, const char *where) {
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s\t%s\n", kind, where);
    int file = syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_APPEND | O_CREAT, 0644);
    syscall(SYS_write, file, line, length);
    syscall(SYS_close, file);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* The fault for a call of this kind at this place below the root. */
static int judge(const char *kind, const char *where) {
    note(kind, where);
    if (action == NOTHING || strcmp(kind, kind_wanted) || fnmatch(place, where, FNM_PATHNAME)) return NOTHING;
    if (atomic_fetch_add(&seen, 1) + 1 != number) return NOTHING;
    note("!", where);
    if (action == KILL) die();
    return action;
}

/* A response counts as read when the process turns to something else: it may come in any number of pieces. */
static void note_response(void) {
    if (atomic_exchange(&answered, 0)) judge("response", "http");
}

static int at_path(const char *kind, const char *path) {
    int before = errno;
    prepare();
    size_t length = root ? strlen(root) : 0;
    if (!length || strncmp(path, root, length) || path[length] != '/') return NOTHING;
    note_response();
    int fault = judge(kind, path + length + 1);
    errno = fault > 0 ? fault : before;
    return fault;
}

static int at_fd(const char *kind, int fd) {
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return NOTHING;
    path[length] = 0;
    return at_path(kind, path);
}

static int at_name(const char *kind, int folder, const char *name) {
    char link[64], path[2 * PATH_MAX];
    if (name[0] == '/') return at_path(kind, name);
    int before = errno;
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    errno = before;
    if (length < 0) return NOTHING;
    snprintf(path + length, PATH_MAX, "/%s", name);
    return at_path(kind, path);
}

/* 0 where the call would change nothing, so that it is not worth a fault. */
static int at_name_if(int exists, const char *kind, int folder, const char *name) {
    int before = errno, found = !faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW);
    errno = before;
    return found == exists ? at_name(kind, folder, name) : NOTHING;
}

static int at_open(int folder, const char *path, int flags) {
    if ((flags & O_ACCMODE) == O_RDONLY) return NOTHING;
    int before = errno, found = !faccessat(folder, path, F_OK, 0);
    errno = before;
    return at_name(found && !(flags & O_TRUNC) ? "open" : "create", folder, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(fault) \
    if ((fault) > 0) return -1

/* Both names of a call: programs built for large files use the one with 64. */
#define CALL(type, name, parameters, arguments, judged) \
    type name parameters {                              \
        FAIL_IF(judged);                                \
        return REAL(name) arguments;                    \
    }
#define WRITE(name, kind, fd, parameters, arguments)          \
    ssize_t name parameters {                                 \
        int fault = at_fd(kind, fd);                          \
        FAIL_IF(fault);                                       \
        if (fault == TORN || (fault == SHORT && size > 1)) size /= 2; \
        ssize_t done = REAL(name) arguments;                  \
        if (fault == TORN) die();                             \
        return done;                                          \
    }

WRITE(write, "write", fd, (int fd, const void *data, size_t size), (fd, data, size))
WRITE(pwrite, "pwrite", fd, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITE(pwrite64, "pwrite", fd, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRITE(sendfile, "write", fd, (int fd, int from, off_t *at, size_t size), (fd, from, at, size))
WRITE(sendfile64, "write", fd, (int fd, int from, off64_t *at, size_t size), (fd, from, at, size))
WRITE(copy_file_range, "write", fd, (int from, off64_t *at, int fd, off64_t *to, size_t size, unsigned flags),
      (from, at, fd, to, size, flags))

CALL(int, fsync, (int fd), (fd), at_fd("fsync", fd))
CALL(int, fdatasync, (int fd), (fd), at_fd("fsync", fd))
CALL(int, ftruncate, (int fd, off_t size), (fd, size), at_fd("ftruncate", fd))
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), at_fd("ftruncate", fd))
CALL(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size), at_fd("ftruncate", fd))
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), at_fd("chmod", fd))
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), at_name("chmod", AT_FDCWD, path))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), at_name_if(0, "mkdir", AT_FDCWD, path))
CALL(int, unlink, (const char *path), (path), at_name_if(1, "unlink", AT_FDCWD, path))
CALL(int, remove, (const char *path), (path), at_name_if(1, "unlink", AT_FDCWD, path))
CALL(int, rmdir, (const char *path), (path), at_name("rmdir", AT_FDCWD, path))
CALL(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags),
     at_name_if(1, flags & AT_REMOVEDIR ? "rmdir" : "unlink", folder, path))
CALL(int, rename, (const char *from, const char *to), (from, to), at_name("rename", AT_FDCWD, to))
CALL(int, renameat, (int folder, const char *from, int other, const char *to), (folder, from, other, to),
     at_name("rename", other, to))

#define OPEN(name, folder, parameters, arguments)                                   \
    int name parameters {                                                           \
        va_list more;                                                               \
        va_start(more, flags);                                                      \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;   \
        va_end(more);                                                               \
        FAIL_IF(at_open(folder, path, flags));                                      \
        return REAL(name) arguments;                                                \
    }
OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPEN(openat64, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

ssize_t send(int fd, const void *data, size_t size, int flags) {
    prepare();
    if (root) {
        note_response();
        judge("request", "http");
    }
    return REAL(send)(fd, data, size, flags);
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    ssize_t done = REAL(recv)(fd, data, size, flags);
    if (done > 0) answered = 1;
    return done;
}
