/* A disk whose syncs take longer, as those of a parallel file system do.
 *
 * A library for LD_PRELOAD. Environment:
 *
 *   SLOW_SYNC_MICROS   how long each sync of a file waits before the real one, microseconds
 *
 * cc -shared -fPIC -o slow-sync.so slow-sync.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long micros;

__attribute__((constructor)) static void start(void) {
    const char *wanted = getenv("SLOW_SYNC_MICROS");
    micros = wanted ? atol(wanted) : 0;
}

static void wait_for_the_disk(void) {
    struct timespec left = {micros / 1000000, micros % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int fdatasync(int file) {
    wait_for_the_disk();
    return REAL(fdatasync)(file);
}

int fsync(int file) {
    wait_for_the_disk();
    return REAL(fsync)(file);
}
