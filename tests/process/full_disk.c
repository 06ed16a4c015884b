/* Makes writes to files fail as on a full disk while the file that FULL_DISK names exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (access(getenv("FULL_DISK"), F_OK) == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (!next) next = dlsym(RTLD_NEXT, "pwrite64");
    return next(file, bytes, length, offset);
}
