#ifndef AVP_CKERNELS_AVX2
#define AVP_CKERNELS_AVX2

#include "CKernels.h"

/// The kernels of this instruction set, or NULL on another architecture. To be entered only on
/// processors that have it.
const avp_kernels *avp_kernels_avx2(void);

/// The integer kernels of this instruction set, likewise; and those that use AVX-VNNI too.
const avp_integer_kernels *avp_integers_avx2(void);
const avp_integer_kernels *avp_integers_avx_vnni(void);

#endif
