// The vector types that the integer kernels are written over, and what is done to them. A file that
// includes the kernels sets
//   LANES    32-bit sums in a register: 4, 8 or 16,
//   VECTORS  registers of sums of a panel, 2 or 4, and
//   BYTE_DOT whether the processor multiplies bytes in fours, so that an activation is a byte in
//            memory; otherwise it takes two bytes, and words are multiplied in twos,
// and GENERIC where it wants the statements that any compiler target has, whatever its width.
#ifndef AVP_INTEGER_VECTOR_H
#define AVP_INTEGER_VECTOR_H

#include <stdint.h>
#include <string.h>

typedef int32_t sums __attribute__((ext_vector_type(LANES)));
typedef uint32_t wrapped __attribute__((ext_vector_type(LANES)));  ///< sums modulo 2^32
typedef int16_t words __attribute__((ext_vector_type(2 * LANES)));
typedef uint16_t unsigned_words __attribute__((ext_vector_type(2 * LANES)));
typedef uint8_t bytes __attribute__((ext_vector_type(4 * LANES)));
typedef uint8_t half_bytes __attribute__((ext_vector_type(2 * LANES)));

enum {
  /// Output channels of a panel of weights.
  PANEL = VECTORS * LANES,
  /// Bytes of an activation in memory.
  ACTIVATION = BYTE_DOT ? 1 : 2,
  /// Registers that hold a panel's words.
  PAIRS = VECTORS / 2,
};

#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")

#define MEMORY(type)                                                                     \
  INLINE type load_##type(const void *at) {                                              \
    type value;                                                                          \
    memcpy(&value, at, sizeof value);                                                    \
    return value;                                                                        \
  }                                                                                      \
  INLINE void store_##type(void *at, type value) { memcpy(at, &value, sizeof value); }
MEMORY(sums)
MEMORY(words)
MEMORY(bytes)
MEMORY(half_bytes)
#undef MEMORY

/// A group of activations in every lane: 4 bytes, or 2 words.
INLINE sums broadcast(const void *at) {
  int32_t group;
  memcpy(&group, at, sizeof group);
  return (sums)(group);
}

// Each of the following headers has
//   dot_words     sum + the product of two words each, modulo 2^32
//   dot_bytes     sum + the product of four bytes each, of which the second factor is signed
//   pack_words    sums to saturated words: of every 128 bits, 4 of `a` and then 4 of `b`
//   pack_bytes    words to saturated unsigned bytes: of every 128 bits, 8 of `a` and 8 of `b`
//   raise_low     the bytes that pack_bytes took from `a`, times 256; raise_high: from `b`
//   scaled        (value * multiplier + 2^14) >> 15
//   high_product  the high half of the products of unsigned words
//   HIDE          keeps the compiler from knowing what a variable holds
// and SPLIT_PAIRS: whether dot_words takes its weights as the first words of all lanes and then the
// second ones.
#if defined(GENERIC)
#include "vector_generic.h"
#elif defined(__SSE2__)
#include "vector_x86.h"
#elif defined(__aarch64__)
#include "vector_neon.h"
#else
#include "vector_generic.h"
#endif

INLINE words add_saturated(words a, words b) { return __builtin_elementwise_add_sat(a, b); }

/// Activations as words.
INLINE words load_activations(const void *at) {
#if BYTE_DOT
  return __builtin_convertvector(load_half_bytes(at), words);
#else
  return load_words(at);
#endif
}

/// The channel of a panel whose sum is in this lane. Packing leaves channels in their natural
/// order: bytes where a panel has 4 vectors of them, otherwise words.
INLINE int lane_channel(int vector, int lane) {
  if (BYTE_DOT && VECTORS == 4) return lane / 4 * 16 + vector * 4 + lane % 4;
  return vector / 2 * 2 * LANES + lane / 4 * 8 + vector % 2 * 4 + lane % 4;
}

/// The same for the words after the first packing.
INLINE int word_channel(int pair, int place) {
  return lane_channel(2 * pair + place % 8 / 4, place / 8 * 4 + place % 4);
}

#endif
