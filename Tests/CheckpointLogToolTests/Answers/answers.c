// Calls of a process that answer as told, in the place of the system's own: ANSWER names one call, an error number, and at which of them it
// is given: every so many, the first one first. Loaded before the C library, on Linux.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int refuses(const char *call) {
    static atomic_int count;
    const char *rule = getenv("ANSWER");
    char name[32];
    int code, every;
    if (!rule || sscanf(rule, "%31s %d %d", name, &code, &every) != 3 || strcmp(name, call) != 0) return 0;
    if (atomic_fetch_add(&count, 1) % every != 0) return 0;
    // A test asks whether the rule has met anything.
    const char *marker = getenv("ANSWER_MARKER");
    int file = marker ? (int)syscall(SYS_openat, AT_FDCWD, marker, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;
    if (file >= 0) close(file);
    errno = code;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int file) { return refuses("fsync") ? -1 : NEXT(fsync)(file); }
int fdatasync(int file) { return refuses("fdatasync") ? -1 : NEXT(fdatasync)(file); }
int fallocate(int file, int mode, off_t offset, off_t count) { return refuses("fallocate") ? -1 : NEXT(fallocate)(file, mode, offset, count); }
int ftruncate(int file, off_t count) { return refuses("ftruncate") ? -1 : NEXT(ftruncate)(file, count); }
int mkdirat(int place, const char *name, mode_t mode) { return refuses("mkdirat") ? -1 : NEXT(mkdirat)(place, name, mode); }
int mkdir(const char *name, mode_t mode) { return refuses("mkdir") ? -1 : NEXT(mkdir)(name, mode); }
int unlinkat(int place, const char *name, int flags) { return refuses("unlinkat") ? -1 : NEXT(unlinkat)(place, name, flags); }
int renameat(int place, const char *name, int target, const char *newName) {
    return refuses("renameat") ? -1 : NEXT(renameat)(place, name, target, newName);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return refuses("pwrite") ? -1 : NEXT(pwrite)(file, bytes, count, offset);
}
// What is shared with a file and written to. Not through the library, which may map memory to find its own call.
void *mmap(void *address, size_t count, int protection, int flags, int file, off_t offset) {
    if (file >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE) && refuses("mmap")) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, count, protection, flags, file, offset);
}
ssize_t preadv2(int file, const struct iovec *parts, int count, off_t offset, int flags) {
    return refuses("preadv2") ? -1 : NEXT(preadv2)(file, parts, count, offset, flags);
}
int openat(int place, const char *name, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    // The files of a log, which are opened from its directory on; the one above it has a rule of its own.
    if (strcmp(name, "..") == 0 ? refuses("parent") : name[0] != '/' && refuses("openat")) return -1;
    return NEXT(openat)(place, name, flags, mode);
}
int fcntl(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == F_SETFL && ((long)argument & O_DIRECT) && refuses("direct")) return -1;
    if ((command == F_OFD_SETLK || command == F_OFD_GETLK) && refuses("lock")) return -1;
    return NEXT(fcntl)(file, command, argument);
}
