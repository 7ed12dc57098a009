// All kernels of one instruction set, as a table.
#include "convolutions.h"
#include "winograd.h"

static const avp_kernels kernels = {
  .panel = PANEL,
  .pointwise = convolve_pointwise,
  .convolve_3x3 = convolve_3x3,
  .stem = convolve_stem,
  .fma_burst = fma_burst,
};
