// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as RFC 3720 appendix B.4 uses it.
#ifndef CHECKPOINT_LOG_CCHECKSUM_H
#define CHECKPOINT_LOG_CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// Extends a checksum by count bytes; the checksum of no bytes is 0. Uses the processor's instructions where it has them.
uint32_t checkpoint_crc32c(uint32_t crc, const void *bytes, size_t count);

// The same by tables alone.
uint32_t checkpoint_crc32c_table(uint32_t crc, const void *bytes, size_t count);

// The same by instructions alone; only where checkpoint_crc32c_has_hardware() is 1.
uint32_t checkpoint_crc32c_hardware(uint32_t crc, const void *bytes, size_t count);

int checkpoint_crc32c_has_hardware(void);

#endif
