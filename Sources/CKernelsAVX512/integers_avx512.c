// The integer kernels for AVX-512 without VNNI: 32 registers of 16 sums.
#include "CKernelsAVX512.h"

#if defined(__AVX512F__)
#define LANES 16
#define VECTORS 4
#define BYTE_DOT 0
#include "../CKernels/integer/kernels.h"

const avp_integer_kernels *avp_integers_avx512(void) { return &kernels; }
#else
const avp_integer_kernels *avp_integers_avx512(void) { return 0; }
#endif
