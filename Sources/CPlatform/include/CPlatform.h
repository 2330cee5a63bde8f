// Calls that the system offers to C with feature macros only, each under a name of its own, and next to no logic.
#ifndef CHECKPOINT_LOG_CPLATFORM_H
#define CHECKPOINT_LOG_CPLATFORM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Names the calling thread, as far as the system shows names.
void checkpoint_name_thread(const char *name);

// Gives the calling thread the lowest priority for the disk, where the system has such a thing.
void checkpoint_lower_io_priority(void);

// One pread that fails with EAGAIN rather than wait for a device; EOPNOTSUPP where the system has no such call.
ssize_t checkpoint_read_if_cached(int file, void *buffer, size_t count, int64_t offset);

// Has reads of an open file leave the time of its last access alone, where the system allows it. A hint.
void checkpoint_skip_access_time(int file);

// One pwritev of three stretches of memory that follow one another in the file.
ssize_t checkpoint_write_three(int file, const void *first, size_t first_count, const void *second, size_t second_count, const void *third,
                               size_t third_count, int64_t offset);

// Allocates blocks for the first count bytes and extends the file to them: 0, or an error number.
int checkpoint_reserve(int file, int64_t count);

// Lets writes and reads of an open file pass the page cache by, or not: 1 when that is so now, 0 where it cannot be.
int checkpoint_set_direct(int file, int is_direct);

// Asks for the cache line at an address that is about to be read and written. A hint; any address will do.
static inline void checkpoint_prefetch(const void *address) { __builtin_prefetch(address, 1); }

// Asks for large pages for memory that is about to be filled. A hint.
void checkpoint_want_large_pages(void *address, size_t count);

// Takes the pages of a shared mapping of a file out of the page table; they stay in the page cache, dirty as they are. A hint.
void checkpoint_drop_mapped_pages(void *address, size_t count);

// Brings the whole pages of a stretch of a shared mapping into the page cache, dirty and with what they hold. A hint.
void checkpoint_populate_mapped_pages(void *address, size_t count);

// Makes data and length survive power loss: 0 or -1 with errno.
int checkpoint_sync(int file);

// Takes the exclusive lock of an open file: 0, or -1 with errno (EAGAIN: held by someone).
int checkpoint_lock(int file);

// Says, for as long as the lock of an open file is held, that its holder writes. Nothing where the system cannot say it.
void checkpoint_announce(int file);

// Gives the lock of an open file back: 0 or -1 with errno.
int checkpoint_unlock(int file);

// 1 when someone holds the lock of an open file, 0 when nobody does, -1 with errno.
int checkpoint_is_locked(int file);

// 1 when someone has announced to write, 0 when nobody has, -1 with errno; the same as checkpoint_is_locked where the system cannot
// tell the two apart.
int checkpoint_is_announced(int file);

// The number by which Linux knows the kind of file system that a file is on, on other systems too; 0 where it is not known.
int64_t checkpoint_file_system_type(int file);

// The calling thread's stack, from its lowest address to behind its highest; zeros where the system does not tell. Asked once a thread.
typedef struct {
    uintptr_t low, high;
} checkpoint_stack;
checkpoint_stack checkpoint_stack_bounds(void);

// Where the caller's frame is on it.
static inline uintptr_t checkpoint_frame_address(void) { return (uintptr_t)__builtin_frame_address(0); }

// How often this process has come out of a fork() as the child, since checkpoint_count_forks was called first.
extern uint32_t checkpoint_forks;
void checkpoint_count_forks(void);
static inline uint32_t checkpoint_fork_count(void) { return __atomic_load_n(&checkpoint_forks, __ATOMIC_RELAXED); }

// Writes at most capacity bytes that name this boot of the machine; gives their number, or 0.
size_t checkpoint_boot_name(char *buffer, size_t capacity);

// When this process began, in microseconds since 1970; 0 where the system does not tell. The same at every call.
int64_t checkpoint_process_start(void);

// Stores one aligned word with release order.
void checkpoint_store_release(void *address, uint64_t word);

#endif
