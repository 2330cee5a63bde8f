#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#else
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#endif

// Calls again what a signal has interrupted before it did anything.
#define UNINTERRUPTED(call)                        \
    ({                                             \
        long result_;                              \
        do result_ = (call);                       \
        while (result_ < 0 && errno == EINTR);     \
        result_;                                   \
    })

void checkpoint_name_thread(const char *name) {
#ifdef __linux__
    char shortened[16];
    strncpy(shortened, name, sizeof shortened - 1);
    shortened[sizeof shortened - 1] = 0;
    pthread_setname_np(pthread_self(), shortened);
#else
    pthread_setname_np(name);
#endif
}

void checkpoint_lower_io_priority(void) {
#ifdef __linux__
    // ioprio_set(IOPRIO_WHO_PROCESS, this thread, the idle class)
    syscall(SYS_ioprio_set, 1, 0, 3 << 13);
#else
    pthread_set_qos_class_self_np(QOS_CLASS_BACKGROUND, 0);
#endif
}

ssize_t checkpoint_read_if_cached(int file, void *buffer, size_t count, int64_t offset) {
#ifdef __linux__
    struct iovec vector = {buffer, count};
    return preadv2(file, &vector, 1, offset, RWF_NOWAIT);
#else
    (void)file, (void)buffer, (void)count, (void)offset;
    errno = EOPNOTSUPP;
    return -1;
#endif
}

void checkpoint_skip_access_time(int file) {
#ifdef __linux__
    int flags = fcntl(file, F_GETFL);
    // Refused to who does not own the file.
    if (flags >= 0) fcntl(file, F_SETFL, flags | O_NOATIME);
#else
    (void)file;
#endif
}

ssize_t checkpoint_write_three(int file, const void *first, size_t first_count, const void *second, size_t second_count, const void *third,
                               size_t third_count, int64_t offset) {
    const struct iovec parts[3] = {{(void *)first, first_count}, {(void *)second, second_count}, {(void *)third, third_count}};
    return pwritev(file, parts, 3, offset);
}

int checkpoint_reserve(int file, int64_t count) {
#ifdef __linux__
    return UNINTERRUPTED(fallocate(file, 0, 0, count)) == 0 ? 0 : errno;
#else
    // From the end of the file on: what it has already is not asked for again.
    struct stat status;
    if (fstat(file, &status) != 0) return errno;
    if (status.st_size >= count) return 0;
    fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, count - status.st_size, 0};
    if (UNINTERRUPTED(fcntl(file, F_PREALLOCATE, &store)) != 0) return errno;
    return UNINTERRUPTED(ftruncate(file, count)) == 0 ? 0 : errno;
#endif
}

int checkpoint_set_direct(int file, int is_direct) {
#ifdef __linux__
    int flags = fcntl(file, F_GETFL);
    if (flags < 0) return 0;
    return fcntl(file, F_SETFL, is_direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
#else
    return fcntl(file, F_NOCACHE, is_direct) == 0;
#endif
}

void checkpoint_want_large_pages(void *address, size_t count) {
#ifdef __linux__
    // Rounded outwards. A block of an allocator begins with a few bytes of its own, and without their page the first
    // large page would have no room. What else lies in these pages loses nothing.
    uintptr_t start = (uintptr_t)address & ~(uintptr_t)4095;
    uintptr_t end = ((uintptr_t)address + count + 4095) & ~(uintptr_t)4095;
    if (end > start) madvise((void *)start, end - start, MADV_HUGEPAGE);
#else
    (void)address, (void)count;
#endif
}

void checkpoint_drop_mapped_pages(void *address, size_t count) {
#ifdef __linux__
    madvise(address, count, MADV_DONTNEED);
#else
    (void)address, (void)count;
#endif
}

void checkpoint_populate_mapped_pages(void *address, size_t count) {
#ifdef __linux__
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)address + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)address + count) & ~(page - 1);
    // MADV_POPULATE_WRITE, which headers have since Linux 5.14. Past the end of the file it fails, and raises no signal.
    if (end > start) madvise((void *)start, end - start, 23);
#else
    (void)address, (void)count;
#endif
}

int checkpoint_sync(int file) {
#ifdef __linux__
    return (int)UNINTERRUPTED(fdatasync(file));
#else
    return (int)UNINTERRUPTED(fcntl(file, F_FULLFSYNC));
#endif
}

#ifdef __linux__
// One lock file holds two locks of its open description: byte 0 is who may write, byte 1 that it does.
enum { HELD = 0, ANNOUNCED = 1 };

static int set_lock(int file, short type, off_t start, off_t length) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return (int)UNINTERRUPTED(fcntl(file, F_OFD_SETLK, &lock));
}

static int has_lock(int file, off_t start) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
    if (UNINTERRUPTED(fcntl(file, F_OFD_GETLK, &lock)) != 0) return -1;
    return lock.l_type != F_UNLCK;
}
#endif

int checkpoint_lock(int file) {
#ifdef __linux__
    int result = set_lock(file, F_WRLCK, HELD, 1);
    if (result != 0 && errno == EACCES) errno = EAGAIN;
    return result;
#else
    return (int)UNINTERRUPTED(flock(file, LOCK_EX | LOCK_NB));
#endif
}

void checkpoint_announce(int file) {
#ifdef __linux__
    (void)set_lock(file, F_WRLCK, ANNOUNCED, 1);
#else
    (void)file;
#endif
}

int checkpoint_unlock(int file) {
#ifdef __linux__
    return set_lock(file, F_UNLCK, HELD, 2);
#else
    return flock(file, LOCK_UN);
#endif
}

int checkpoint_is_locked(int file) {
#ifdef __linux__
    return has_lock(file, HELD);
#else
    if (flock(file, LOCK_SH | LOCK_NB) == 0) return flock(file, LOCK_UN);
    return errno == EWOULDBLOCK ? 1 : -1;
#endif
}

int checkpoint_is_announced(int file) {
#ifdef __linux__
    return has_lock(file, ANNOUNCED);
#else
    return checkpoint_is_locked(file);
#endif
}

int64_t checkpoint_file_system_type(int file) {
    struct statfs system;
    if (fstatfs(file, &system) != 0) return 0;
#ifdef __linux__
    return (int64_t)system.f_type;
#else
    return strcmp(system.f_fstypename, "hfs") == 0 ? 0x4244 : 0;
#endif
}

checkpoint_stack checkpoint_stack_bounds(void) {
    static _Thread_local checkpoint_stack bounds;
    if (bounds.high != 0) return bounds;
#ifdef __linux__
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return bounds;
    void *low;
    size_t size, guard;
    // The guard is counted into the stack by some systems.
    if (pthread_attr_getstack(&attributes, &low, &size) == 0 && pthread_attr_getguardsize(&attributes, &guard) == 0
        && guard < size)
        bounds = (checkpoint_stack){(uintptr_t)low + guard, (uintptr_t)low + size};
    pthread_attr_destroy(&attributes);
#else
    uintptr_t high = (uintptr_t)pthread_get_stackaddr_np(pthread_self());
    bounds = (checkpoint_stack){high - pthread_get_stacksize_np(pthread_self()), high};
#endif
    return bounds;
}

uint32_t checkpoint_forks = 0;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;

// Runs in the child, before anything else of it.
static void count_fork(void) { __atomic_fetch_add(&checkpoint_forks, 1, __ATOMIC_RELAXED); }

static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

void checkpoint_count_forks(void) { pthread_once(&forks_once, watch_forks); }

size_t checkpoint_boot_name(char *buffer, size_t capacity) {
#ifdef __linux__
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, buffer, capacity);
    close(file);
    return count > 0 ? (size_t)count : 0;
#else
    struct timeval boot;
    size_t size = sizeof boot;
    if (sysctlbyname("kern.boottime", &boot, &size, NULL, 0) != 0 || size > capacity) return 0;
    memcpy(buffer, &boot, size);
    return size;
#endif
}

// The time of the clock when the process began. Asked once: a clock that is set afterwards must not make it another process.
static int64_t read_process_start(void) {
#ifdef __linux__
    // proc(5): the name of the program, in parentheses, may hold anything; the start is the 20th number after it, in ticks since boot.
    char text[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    if (count <= 0) return 0;
    text[count] = 0;
    const char *next = strrchr(text, ')');
    for (int field = 2; next != NULL && field < 22; field++) next = strchr(next + 1, ' ');
    long ticks_per_second = sysconf(_SC_CLK_TCK);
    struct timespec clock, since_boot;
    if (next == NULL || ticks_per_second <= 0 || clock_gettime(CLOCK_REALTIME, &clock) != 0
        || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return 0;
    unsigned long long ticks = strtoull(next, NULL, 10);
    int64_t boot = (int64_t)(clock.tv_sec - since_boot.tv_sec) * 1000000 + (clock.tv_nsec - since_boot.tv_nsec) / 1000;
    return boot + (int64_t)(ticks / ticks_per_second) * 1000000 + (int64_t)(ticks % ticks_per_second) * 1000000 / ticks_per_second;
#else
    struct kinfo_proc process;
    size_t size = sizeof process;
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()};
    if (sysctl(name, 4, &process, &size, NULL, 0) != 0 || size == 0) return 0;
    struct timeval start = process.kp_proc.p_starttime;
    return (int64_t)start.tv_sec * 1000000 + start.tv_usec;
#endif
}

static pthread_once_t process_start_once = PTHREAD_ONCE_INIT;
static int64_t process_start;

static void find_process_start(void) { process_start = read_process_start(); }

int64_t checkpoint_process_start(void) {
    pthread_once(&process_start_once, find_process_start);
    return process_start;
}

void checkpoint_store_release(void *address, uint64_t word) {
    atomic_store_explicit((_Atomic uint64_t *)address, word, memory_order_release);
}
