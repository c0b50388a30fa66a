/* The management library of NVIDIA's driver, on a machine with one GPU that heat keeps from its full clock.
 *
 * cc -shared -fPIC -o libnvidia-ml.so.1 hot-gpu.c
 */
#include <string.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2 };

/* nvmlClocksThrottleReasonHwThermalSlowdown */
static const unsigned long long HW_THERMAL = 0x40;

static int gpu;

int nvmlInit_v2(void) { return SUCCESS; }

int nvmlShutdown(void) { return SUCCESS; }

int nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = 1;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    *device = &gpu;
    return index == 0 ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    (void)device;
    strncpy(name, "Hot GPU", length);
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    (void)device;
    *reasons = HW_THERMAL;
    return SUCCESS;
}
