#ifndef CMEASURE_H
#define CMEASURE_H

#include <stdint.h>

/// Brings everything that waits in the page cache of the file system of `path` to its disk. 0, or -1 with errno set.
int measure_sync_file_system(const char *path);

/// Gives the system back what the allocator keeps of freed memory.
void measure_give_back_memory(void);

/// Allocations that the calling thread made so far; -1 where they are not counted.
int64_t measure_allocation_count(void);

#endif
