// The vector type that the kernels are written over. A target that includes the kernels sets
//   VECTOR_WIDTH  floats in a vector, and
//   PANEL_VECTORS vectors of a weight panel, 2 or 4: what the product kernel computes at a time,
// to what its instruction set has room for. Only the compiler's generic vectors are used, so every
// target is built from the same statements; a product and a sum in one expression become a fused
// multiply-add where the instruction set has one.
#ifndef AVP_VECTOR_H
#define AVP_VECTOR_H

typedef float vector __attribute__((ext_vector_type(VECTOR_WIDTH)));
typedef vector unaligned_vector __attribute__((aligned(4)));

/// Output channels of a weight panel.
enum { PANEL = PANEL_VECTORS * VECTOR_WIDTH };

#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")

INLINE vector load(const float *at) { return *(const unaligned_vector *)at; }
INLINE void store(float *at, vector value) { *(unaligned_vector *)at = value; }

/// The positive part; a NaN stays a NaN, so that it is seen at the end.
INLINE vector positive(vector value) { return value < 0.0f ? (vector)(0.0f) : value; }

/// The larger of both; a NaN on either side stays a NaN.
INLINE vector larger(vector a, vector b) { return ((a > b) | (a != a)) ? a : b; }

#endif
