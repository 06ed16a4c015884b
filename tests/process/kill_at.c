/* Kills the process before the nth call of a function that changes or syncs files. KILL_AT is n. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void count(void) {
    static int calls;
    if (++calls == atoi(getenv("KILL_AT"))) kill(getpid(), SIGKILL);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    count();
    if (!next) next = dlsym(RTLD_NEXT, "pwrite64");
    return next(file, bytes, length, offset);
}

int ftruncate64(int file, off64_t length) {
    static int (*next)(int, off64_t);
    count();
    if (!next) next = dlsym(RTLD_NEXT, "ftruncate64");
    return next(file, length);
}

#define ON_FILE(name) \
    int name(int file) { \
        static int (*next)(int); \
        count(); \
        if (!next) next = dlsym(RTLD_NEXT, #name); \
        return next(file); \
    }

ON_FILE(fsync)
ON_FILE(fdatasync)

int unlink(const char *path) {
    static int (*next)(const char *);
    count();
    if (!next) next = dlsym(RTLD_NEXT, "unlink");
    return next(path);
}
