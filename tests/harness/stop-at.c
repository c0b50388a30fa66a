/* Stops `hpcbench run` at an exact point, once, as if somebody had sent SIGSTOP there, and notes what it does afterwards.
 *
 * A library for LD_PRELOAD: it stands between the program and the system calls that matter. It acts only in a process
 * whose first argument is `run`, so not in that one's children. Environment:
 *
 *   STOP_AT      before-write | before-sync | after-sync | after-look | before-publish,
 *                or failed-sync: it goes on, but the sync is said to have failed;
 *                or failed-clock: it goes on, but after the sync the orchestrator cannot read the time when it looks at
 *                deadlines, once, which makes a Rust program panic
 *   STOP_EVENT   the type of the event whose way to the disk and the bus is interrupted
 *   STOP_REPORT  a file to which each message that reaches a bus and each start of a process after the stop adds a line
 *
 * cc -shared -fPIC -o stop-at.so stop-at.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *stop_at;
static char log_needle[128];
static char bus_needle[128];
static int report = -1;

/* The event's line is in the file with this descriptor, and its sync is still to come. */
static atomic_int armed = -1;
/* The event is synced, and a successor is about to be looked for. */
static atomic_int is_synced;
static atomic_int stopped;
/* This thread has just looked for a request to cancel the run, which the orchestrator does before it looks at deadlines. */
static _Thread_local int looked_for_cancel;

__attribute__((constructor)) static void start(void) {
    char arguments[4096];
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, arguments, sizeof arguments - 1);
    close(file);
    if (length <= 0)
        return;
    arguments[length] = 0;
    const char *first = arguments + strlen(arguments) + 1;
    const char *event = getenv("STOP_EVENT"), *path = getenv("STOP_REPORT");
    if (first >= arguments + length || strcmp(first, "run") != 0 || !event || !path)
        return;
    snprintf(log_needle, sizeof log_needle, "\"type\":\"%s\"", event);
    snprintf(bus_needle, sizeof bus_needle, ".event.%s", event);
    report = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    stop_at = getenv("STOP_AT");
}

static int is_at(const char *point) {
    return stop_at && !atomic_load(&stopped) && strcmp(stop_at, point) == 0;
}

/* raise, not kill: only a signal to this very thread stops it before it goes on. */
static void stop(void) {
    if (!atomic_exchange(&stopped, 1))
        raise(SIGSTOP);
}

static int holds(const void *bytes, size_t length, const char *needle) {
    return memmem(bytes, length, needle, strlen(needle)) != NULL;
}

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static int is_log(int file) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, "/events/") != NULL;
}

static int is_socket(int file) {
    struct stat about;
    return fstat(file, &about) == 0 && S_ISSOCK(about.st_mode);
}

/* Somebody is at the other end. What was on its way to a server that has been killed reaches nobody. */
static int is_heard(int file) {
    struct tcp_info about;
    socklen_t size = sizeof about;
    return getsockopt(file, IPPROTO_TCP, TCP_INFO, &about, &size) == 0 && about.tcpi_state == TCP_ESTABLISHED;
}

static void note(const char *what, const char *detail, size_t length) {
    char line[256];
    size_t shown = strcspn(detail, "\r\n");
    int size = snprintf(line, sizeof line, "%s %.*s\n", what, (int)(shown < length ? shown : length), detail);
    if (report >= 0 && atomic_load(&stopped))
        dprintf(report, "%.*s", size < (int)sizeof line ? size : (int)sizeof line - 1, line);
}

/* Something is about to be written to the log. */
static void see_log(int file, const void *bytes, size_t length) {
    if (!stop_at || atomic_load(&stopped) || !holds(bytes, length, log_needle) || !is_log(file))
        return;
    if (is_at("before-write"))
        stop();
    atomic_store(&armed, file);
}

/* Something is about to be sent. */
static void see_message(int file, const void *bytes, size_t length) {
    if (!stop_at || !holds(bytes, length, "PUB hpcbench.") || !is_socket(file))
        return;
    if (is_at("before-publish") && holds(bytes, length, bus_needle)) {
        stop();
        return;
    }
    if (!is_heard(file))
        return;
    const char *end = (const char *)bytes + length;
    for (const char *at = bytes; (at = memmem(at, (size_t)(end - at), "PUB hpcbench.", 13)); at++)
        note("sent", at, (size_t)(end - at));
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t length) {
    see_log(file, bytes, length);
    see_message(file, bytes, length);
    return REAL(write)(file, bytes, length);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    for (int i = 0; i < count; i++) {
        see_log(file, parts[i].iov_base, parts[i].iov_len);
        see_message(file, parts[i].iov_base, parts[i].iov_len);
    }
    return REAL(writev)(file, parts, count);
}

ssize_t send(int file, const void *bytes, size_t length, int flags) {
    see_message(file, bytes, length);
    return REAL(send)(file, bytes, length, flags);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    for (size_t i = 0; i < message->msg_iovlen; i++)
        see_message(file, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    return REAL(sendmsg)(file, message, flags);
}

int fdatasync(int file) {
    int due = atomic_load(&armed) == file;
    if (due && is_at("before-sync"))
        stop();
    if (due && is_at("failed-sync") && !atomic_exchange(&stopped, 1)) {
        errno = EIO;
        return -1;
    }
    int result = REAL(fdatasync)(file);
    if (due && is_at("after-sync"))
        stop();
    if (due)
        atomic_store(&is_synced, 1);
    return result;
}

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *about) {
    int result = REAL(statx)(folder, path, flags, mask, about);
    if (atomic_load(&is_synced) && is_at("after-look") && path && strstr(path, "/events/"))
        stop();
    if (atomic_load(&is_synced) && is_at("failed-clock") && path && ends_with(path, "/cancel"))
        looked_for_cancel = 1;
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static _Atomic(__typeof__(clock_gettime) *) real;
    if (clock == CLOCK_REALTIME && looked_for_cancel && !atomic_exchange(&stopped, 1)) {
        errno = EINVAL;
        return -1;
    }
    if (!atomic_load(&real))
        atomic_store(&real, REAL(clock_gettime));
    return atomic_load(&real)(clock, time);
}

int posix_spawnp(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]) {
    note("started", program, strlen(program));
    return REAL(posix_spawnp)(pid, program, actions, attributes, arguments, environment);
}

pid_t fork(void) {
    note("started", "a fork", 6);
    return REAL(fork)();
}
