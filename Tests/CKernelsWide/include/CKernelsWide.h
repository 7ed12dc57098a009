#ifndef AVP_CKERNELS_WIDE
#define AVP_CKERNELS_WIDE

#include "CKernels.h"

/// Kernels with panels of 64 output channels that every processor can run, slowly.
const avp_kernels *avp_kernels_wide(void);

#endif
