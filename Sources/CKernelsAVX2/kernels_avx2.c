// The kernels for AVX2 and FMA: vectors of 8 floats, 16 registers.
#include "CKernelsAVX2.h"

#if defined(__AVX2__) && defined(__FMA__)
#define VECTOR_WIDTH 8
#define PANEL_VECTORS 2
#include "../CKernels/template/kernels.h"

const avp_kernels *avp_kernels_avx2(void) { return &kernels; }
#else
const avp_kernels *avp_kernels_avx2(void) { return 0; }
#endif
