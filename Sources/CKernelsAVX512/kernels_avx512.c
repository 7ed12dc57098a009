// The kernels for AVX-512: vectors of 16 floats, 32 registers.
#include "CKernelsAVX512.h"

#if defined(__AVX512F__)
#define VECTOR_WIDTH 16
#define PANEL_VECTORS 4
#include "../CKernels/template/kernels.h"

const avp_kernels *avp_kernels_avx512(void) { return &kernels; }
#else
const avp_kernels *avp_kernels_avx512(void) { return 0; }
#endif
