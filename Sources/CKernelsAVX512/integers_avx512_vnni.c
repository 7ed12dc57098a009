// The integer kernels for AVX-512 with VNNI: 32 registers of 16 sums.
#include "CKernelsAVX512.h"

#if defined(__AVX512F__)
#define LANES 16
#define VECTORS 4
#define BYTE_DOT 1
#include "../CKernels/integer/kernels.h"

const avp_integer_kernels *avp_integers_avx512_vnni(void) { return &kernels; }
#else
const avp_integer_kernels *avp_integers_avx512_vnni(void) { return 0; }
#endif
