#include "CChecksum.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HARDWARE_TARGET __attribute__((target("sse4.2")))
#define STEP_8(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define STEP_1(crc, byte) (_mm_crc32_u8((crc), (byte)))
#define HAS_INSTRUCTIONS 1
#elif defined(__aarch64__)
#include <arm_acle.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#define HARDWARE_TARGET __attribute__((target("crc")))
#define STEP_8(crc, word) (__crc32cd((crc), (word)))
#define STEP_1(crc, byte) (__crc32cb((crc), (byte)))
#define HAS_INSTRUCTIONS 1
#else
#define HAS_INSTRUCTIONS 0
#endif

enum { POLYNOMIAL = (int)0x82F63B78 };

// Bytes of each of the three streams that run side by side: the instruction takes three cycles and one can start in each.
#define LONG_STREAM 4096
#define SHORT_STREAM 256

static uint32_t slices[8][256];
// Tables that move a checksum past LONG_STREAM and SHORT_STREAM zero bytes, one for each byte of the checksum.
static uint32_t long_shift[4][256];
static uint32_t short_shift[4][256];
static int hardware;

static uint64_t load_8(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static uint32_t past_zeros(uint32_t crc, size_t count) {
    for (; count > 0; count--) crc = slices[0][crc & 0xFF] ^ crc >> 8;
    return crc;
}

static void fill_shift(uint32_t table[4][256], size_t count) {
    // Moving past zeros is linear over GF(2): the image of each bit gives the image of every byte.
    uint32_t image[32];
    for (int bit = 0; bit < 32; bit++) image[bit] = past_zeros((uint32_t)1 << bit, count);
    for (int place = 0; place < 4; place++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++) {
                if (byte >> bit & 1) sum ^= image[place * 8 + bit];
            }
            table[place][byte] = sum;
        }
    }
}

static uint32_t shifted(uint32_t table[4][256], uint32_t crc) {
    return table[0][crc & 0xFF] ^ table[1][crc >> 8 & 0xFF] ^ table[2][crc >> 16 & 0xFF] ^ table[3][crc >> 24];
}

// Before main, so that no reader ever sees a table half filled.
__attribute__((constructor)) static void prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ (uint32_t)POLYNOMIAL : crc >> 1;
        slices[0][byte] = crc;
    }
    for (int slice = 1; slice < 8; slice++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = slices[slice - 1][byte];
            slices[slice][byte] = slices[0][before & 0xFF] ^ before >> 8;
        }
    }
    fill_shift(long_shift, LONG_STREAM);
    fill_shift(short_shift, SHORT_STREAM);
#if defined(__x86_64__)
    __builtin_cpu_init();
    hardware = __builtin_cpu_supports("sse4.2") != 0;
#elif defined(__aarch64__) && defined(__linux__)
    hardware = (getauxval(AT_HWCAP) >> 7 & 1) != 0;
#elif defined(__aarch64__)
    hardware = 1;
#endif
}

int checkpoint_crc32c_has_hardware(void) { return hardware; }

uint32_t checkpoint_crc32c_table(uint32_t crc, const void *start, size_t count) {
    const uint8_t *bytes = start;
    crc = ~crc;
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word = load_8(bytes) ^ crc;
        crc = slices[7][word & 0xFF] ^ slices[6][word >> 8 & 0xFF] ^ slices[5][word >> 16 & 0xFF] ^
              slices[4][word >> 24 & 0xFF] ^ slices[3][word >> 32 & 0xFF] ^ slices[2][word >> 40 & 0xFF] ^
              slices[1][word >> 48 & 0xFF] ^ slices[0][word >> 56];
    }
    for (; count > 0; count--, bytes++) crc = slices[0][(crc ^ *bytes) & 0xFF] ^ crc >> 8;
    return ~crc;
}

#if HAS_INSTRUCTIONS
HARDWARE_TARGET static uint32_t three_streams(
    uint32_t crc, const uint8_t **cursor, size_t *count, size_t stream, uint32_t shift[4][256]) {
    const uint8_t *bytes = *cursor;
    while (*count >= stream * 3) {
        uint32_t second = 0, third = 0;
        for (size_t offset = 0; offset < stream; offset += 8) {
            crc = STEP_8(crc, load_8(bytes + offset));
            second = STEP_8(second, load_8(bytes + stream + offset));
            third = STEP_8(third, load_8(bytes + stream * 2 + offset));
        }
        crc = shifted(shift, crc) ^ second;
        crc = shifted(shift, crc) ^ third;
        bytes += stream * 3;
        *count -= stream * 3;
    }
    *cursor = bytes;
    return crc;
}

HARDWARE_TARGET uint32_t checkpoint_crc32c_hardware(uint32_t crc, const void *start, size_t count) {
    const uint8_t *bytes = start;
    crc = ~crc;
    crc = three_streams(crc, &bytes, &count, LONG_STREAM, long_shift);
    crc = three_streams(crc, &bytes, &count, SHORT_STREAM, short_shift);
    for (; count >= 8; count -= 8, bytes += 8) crc = STEP_8(crc, load_8(bytes));
    for (; count > 0; count--, bytes++) crc = STEP_1(crc, *bytes);
    return ~crc;
}
#else
uint32_t checkpoint_crc32c_hardware(uint32_t crc, const void *start, size_t count) {
    return checkpoint_crc32c_table(crc, start, count);
}
#endif

uint32_t checkpoint_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return hardware ? checkpoint_crc32c_hardware(crc, bytes, count) : checkpoint_crc32c_table(crc, bytes, count);
}
