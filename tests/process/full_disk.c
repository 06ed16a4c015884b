/* Makes writes to files fail as on a full disk while the file that FULL_DISK names exists, and as on a read-only file
 * system while the file that READ_ONLY names exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int exists(const char *variable) {
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (exists("FULL_DISK") || exists("READ_ONLY")) {
        errno = exists("FULL_DISK") ? ENOSPC : EROFS;
        return -1;
    }
    if (!next) next = dlsym(RTLD_NEXT, "pwrite64");
    return next(file, bytes, length, offset);
}
