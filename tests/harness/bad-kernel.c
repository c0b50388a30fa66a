/* A kernel that serves the load engine badly.
 *
 * A library for LD_PRELOAD: it stands between the program and the system calls that measuring rests on. It acts only in a
 * process that is `hpcbench agent --role client`. Environment:
 *
 *   BAD_KERNEL   slow-timer    timers and waits end 20 ms late
 *                no-stamps     reads come without their time stamps
 *                wrong-stamps  reads come with time stamps of an hour later
 *                no-stamping   no socket can have time stamps
 *                clock-steps   the real-time clock jumps ahead by a millisecond, and so do time stamps, every 5 ms
 *                busy          each thread is said to have used a core all the time
 *                full-disk     no space is left for records after 32 KiB of them
 *   KERNEL_REPORT   a file to which a full disk adds a line for each block of records that it has taken: how many are in it
 *
 * cc -shared -fPIC -o bad-kernel.so bad-kernel.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LATE_MS = 20, HOUR_S = 3600, STEP_NS = 1000000, STEP_EVERY_NS = 5000000, DISK_BYTES = 32 * 1024 };

static const char *fault = "";
static struct timespec began;

static int is_client(void) {
    char arguments[4096];
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, arguments, sizeof arguments);
    close(file);
    return length > 0 && memmem(arguments, (size_t)length, "\0agent\0", 7) &&
           memmem(arguments, (size_t)length, "\0--role\0client\0", 15);
}

__attribute__((constructor)) static void start(void) {
    const char *wanted = getenv("BAD_KERNEL");
    clock_gettime(CLOCK_MONOTONIC, &began);
    if (wanted && is_client())
        fault = wanted;
}

static int is(const char *name) { return strcmp(fault, name) == 0; }

/* The real function, looked up once: the clock is read too often for more. */
#define REAL(name)                                                                                                     \
    ({                                                                                                                 \
        static __typeof__(name) *real;                                                                                 \
        __typeof__(name) *found = __atomic_load_n(&real, __ATOMIC_RELAXED);                                            \
        if (!found) {                                                                                                  \
            found = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                                                       \
            __atomic_store_n(&real, found, __ATOMIC_RELAXED);                                                          \
        }                                                                                                              \
        found;                                                                                                         \
    })

/* By how much the real-time clock has jumped ahead since the process began. */
static long long stepped_ns(void) {
    struct timespec now;
    REAL(clock_gettime)(CLOCK_MONOTONIC, &now);
    return ((now.tv_sec - began.tv_sec) * 1000000000LL + now.tv_nsec - began.tv_nsec) / STEP_EVERY_NS * STEP_NS;
}

static void add_ns(struct timespec *time, long long ns) {
    ns += time->tv_nsec;
    time->tv_sec += ns / 1000000000LL;
    time->tv_nsec = ns % 1000000000LL;
}

int timerfd_settime(int file, int flags, const struct itimerspec *new, struct itimerspec *old) {
    struct itimerspec late = *new;
    int is_set = late.it_value.tv_sec || late.it_value.tv_nsec;
    if (is("slow-timer") && is_set)
        add_ns(&late.it_value, LATE_MS * 1000000LL);
    return REAL(timerfd_settime)(file, flags, &late, old);
}

int epoll_wait(int file, struct epoll_event *events, int count, int timeout) {
    if (is("slow-timer") && timeout > 0)
        timeout += LATE_MS;
    return REAL(epoll_wait)(file, events, count, timeout);
}

ssize_t recvmsg(int file, struct msghdr *message, int flags) {
    ssize_t length = REAL(recvmsg)(file, message, flags);
    if (length < 0)
        return length;
    if (is("no-stamps"))
        message->msg_controllen = 0;
    if (!is("wrong-stamps") && !is("clock-steps"))
        return length;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
        struct scm_timestamping stamps;
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPING)
            continue;
        memcpy(&stamps, CMSG_DATA(one), sizeof stamps);
        add_ns(&stamps.ts[0], is("clock-steps") ? stepped_ns() : HOUR_S * 1000000000LL);
        memcpy(CMSG_DATA(one), &stamps, sizeof stamps);
    }
    return length;
}

int setsockopt(int file, int level, int name, const void *value, socklen_t length) {
    if (is("no-stamping") && level == SOL_SOCKET && name == SO_TIMESTAMPING) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return REAL(setsockopt)(file, level, name, value, length);
}

static int is_for_records(int file) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return strstr(path, ".blocks") != NULL;
}

/* A block has three numbers of 32 bits before its records, the second of which is their count; a file begins with twelve bytes
 * of its own. Each is written with one call. */
static void report(const void *bytes, size_t length) {
    const char *path = getenv("KERNEL_REPORT");
    uint32_t header[3];
    if (!path || length <= sizeof header)
        return;
    memcpy(header, bytes, sizeof header);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dprintf(file, "%u\n", header[1]);
    close(file);
}

ssize_t write(int file, const void *bytes, size_t length) {
    static atomic_size_t taken;
    if (!is("full-disk") || !is_for_records(file))
        return REAL(write)(file, bytes, length);
    if (atomic_fetch_add(&taken, length) + length > DISK_BYTES) {
        errno = ENOSPC;
        return -1;
    }
    report(bytes, length);
    return REAL(write)(file, bytes, length);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (is("busy") && clock == CLOCK_THREAD_CPUTIME_ID)
        clock = CLOCK_MONOTONIC;
    int result = REAL(clock_gettime)(clock, time);
    if (is("clock-steps") && clock == CLOCK_REALTIME && result == 0)
        add_ns(time, stepped_ns());
    return result;
}
