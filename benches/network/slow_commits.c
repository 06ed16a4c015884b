/*
 * Makes every fdatasync take at least two milliseconds. PostgreSQL, started with this library in LD_PRELOAD, calls
 * fdatasync only to flush its write-ahead log. Commits are therefore as slow as on a slower disk: a transaction holds
 * its locks meanwhile, statements without a transaction are delayed as well, and waiting commits share the next flush.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int file)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 2000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    int result = (int)syscall(SYS_fdatasync, file);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    return result;
}
