// Weights in the form that the kernels read. Done once a network, in double precision.
#include <string.h>

#include "CKernels.h"

void avp_pack_panels(const float *matrix, int depth, int outputs, int width, float *packed) {
  for (int first = 0; first < outputs; first += width) {
    const int count = outputs - first < width ? outputs - first : width;
    for (int k = 0; k < depth; k++, packed += width) {
      memcpy(packed, matrix + (long)k * outputs + first, sizeof(float) * count);
      memset(packed + count, 0, sizeof(float) * (width - count));
    }
  }
}

/// The transforms of the weights that belong to template/transforms.h, by stride less 1: rows are
/// slots, columns the three taps.
static const double weight_transforms[2][6][3] = {
  {
    {1.0 / 4, 0, 0},
    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6},
    {1.0 / 24, -1.0 / 12, 1.0 / 6},
    {0, 0, 1},
  },
  {
    {1.0 / 2, 0, 0},
    {-1.0 / 2, 0, -1.0 / 2},
    {-1.0 / 6, 0, 1.0 / 6},
    {1.0 / 6, 0, 2.0 / 6},
    {0, 0, 1},
    {0, 1, 0},
  },
};

/// Transforms the weights of `count` outputs, from `output` on, of one input, for slot (p, q).
static void transform_weights(
    const float *weights, long tap_floats, int count, const double *p, const double *q,
    float *out) {
  for (int n = 0; n < count; n++) {
    double sum = 0;
    for (int row = 0; row < 3; row++)
      for (int column = 0; column < 3; column++)
        sum += p[row] * q[column] * weights[(row * 3 + column) * tap_floats + n];
    out[n] = (float)sum;
  }
}

void avp_pack_winograd(
    const float *weights, int inputs, int outputs, int stride, int width, float *packed) {
  const double(*transform)[3] = weight_transforms[stride - 1];
  const long tap_floats = (long)inputs * outputs;
  for (int matrix = 0; matrix < 36; matrix++)
    for (int first = 0; first < outputs; first += width) {
      const int count = outputs - first < width ? outputs - first : width;
      for (int k = 0; k < inputs; k++, packed += width) {
        transform_weights(
            weights + (long)k * outputs + first, tap_floats, count, transform[matrix / 6],
            transform[matrix % 6], packed);
        memset(packed + count, 0, sizeof(float) * (width - count));
      }
    }
}
