// The kernels for AVX-VNNI, whose two instructions many processors have in the form of AVX-512
// alone: everything else about them can be tested there.
#include "CIntegerCheck.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define DOT_PREFIX ""
#define LANES 8
#define VECTORS 2
#define BYTE_DOT 1
#include "../../Sources/CKernels/integer/kernels.h"
#pragma clang attribute pop

const avp_integer_kernels *avp_integers_avx_vnni_encoded(void) {
  return avp_has_avx512_vnni() ? &kernels : 0;
}
#else
const avp_integer_kernels *avp_integers_avx_vnni_encoded(void) { return 0; }
#endif
