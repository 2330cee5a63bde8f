#define _GNU_SOURCE
#include "CMeasure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

int measure_sync_file_system(const char *path) {
#if defined(__linux__)
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    int code = syncfs(file);
    int saved = errno;
    close(file);
    errno = saved;
    return code;
#else
    (void)path;
    sync();
    return 0;
#endif
}

int64_t measure_read_if_cached(int file, void *buffer, int64_t count, int64_t offset) {
#if defined(__linux__)
    struct iovec part = {buffer, (size_t)count};
    return preadv2(file, &part, 1, offset, RWF_NOWAIT);
#else
    return pread(file, buffer, (size_t)count, offset);
#endif
}

#if defined(__GLIBC__)

#include <malloc.h>

void measure_give_back_memory(void) { malloc_trim(0); }

/* The executable's own allocator functions, in front of the C library's, which do the work. They count for each thread by
   itself, so that what background threads allocate does not disturb a count. */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static __thread int64_t allocation_count __attribute__((tls_model("initial-exec")));

void *malloc(size_t count) {
    allocation_count++;
    return __libc_malloc(count);
}

void *calloc(size_t count, size_t size) {
    allocation_count++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t count) {
    allocation_count++;
    return __libc_realloc(old, count);
}

void *aligned_alloc(size_t alignment, size_t count) {
    allocation_count++;
    return __libc_memalign(alignment, count);
}

int posix_memalign(void **result, size_t alignment, size_t count) {
    allocation_count++;
    void *made = __libc_memalign(alignment, count);
    if (made == NULL) return ENOMEM;
    *result = made;
    return 0;
}

int64_t measure_allocation_count(void) { return allocation_count; }

#else

void measure_give_back_memory(void) {}

int64_t measure_allocation_count(void) { return -1; }

#endif
