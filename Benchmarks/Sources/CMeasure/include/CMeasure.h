#ifndef CMEASURE_H
#define CMEASURE_H

#include <stdint.h>

/// Brings everything that waits in the page cache of the file system of `path` to its disk. 0, or -1 with errno set.
int measure_sync_file_system(const char *path);

/// Reads from the page cache alone; -1 with errno set where it does not have the bytes.
int64_t measure_read_if_cached(int file, void *buffer, int64_t count, int64_t offset);

/// Gives the system back what the allocator keeps of freed memory.
void measure_give_back_memory(void);

/// Allocations that the calling thread made so far; -1 where they are not counted.
int64_t measure_allocation_count(void);

#endif
