// The integer kernels for AVX2 with AVX-VNNI: 16 registers of 8 sums.
#include "CKernelsAVX2.h"

#if defined(__AVX2__)
#define LANES 8
#define VECTORS 2
#define BYTE_DOT 1
#include "../CKernels/integer/kernels.h"

const avp_integer_kernels *avp_integers_avx_vnni(void) { return &kernels; }
#else
const avp_integer_kernels *avp_integers_avx_vnni(void) { return 0; }
#endif
