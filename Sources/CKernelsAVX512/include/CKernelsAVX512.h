#ifndef AVP_CKERNELS_AVX512
#define AVP_CKERNELS_AVX512

#include "CKernels.h"

/// The kernels of this instruction set, or NULL on another architecture. To be entered only on
/// processors that have it.
const avp_kernels *avp_kernels_avx512(void);

/// The integer kernels of this instruction set, likewise; and those that use VNNI too.
const avp_integer_kernels *avp_integers_avx512(void);
const avp_integer_kernels *avp_integers_avx512_vnni(void);

#endif
