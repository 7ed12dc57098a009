#ifndef AVP_CINTEGER_CHECK
#define AVP_CINTEGER_CHECK

#include "CKernels.h"

/// Compares every function of a table with the reference: over a fixed list of shapes, sizes and
/// operands, and `rounds` times over random ones. Returns whether all results are equal; otherwise
/// `message` says which were not.
int avp_check_integers(
    const avp_integer_kernels *kernels, unsigned seed, int rounds, char *message, size_t capacity);

/// Kernels in the shapes that other instruction sets have, in statements for any processor: those
/// of AVX-512 without and with products of bytes, of AVX2 with them, and of NEON with them.
const avp_integer_kernels *avp_integers_wide_words(void);
const avp_integer_kernels *avp_integers_wide_bytes(void);
const avp_integer_kernels *avp_integers_middle_bytes(void);
const avp_integer_kernels *avp_integers_narrow_bytes(void);

/// The kernels for AVX-VNNI with the same instructions in the form of AVX-512; NULL on a processor
/// without them.
const avp_integer_kernels *avp_integers_avx_vnni_encoded(void);

#endif
