// What the OpenBLAS path needs around its matrix products.
#include <string.h>

#include "CKernels.h"

void avp_gather_neighbourhoods(
    const avp_convolution *convolution, int kernel, int first, int count, float *matrix) {
  const int size = convolution->size, padding = kernel / 2, inputs = convolution->inputs;
  const int output_size = avp_output_size(convolution);
  for (int pixel = first; pixel < first + count; pixel++) {
    const int top = pixel / output_size * convolution->stride - padding;
    const int left = pixel % output_size * convolution->stride - padding;
    for (int y = top; y < top + kernel; y++)
      for (int x = left; x < left + kernel; x++, matrix += inputs)
        if (y < 0 || x < 0 || y >= size || x >= size)
          memset(matrix, 0, sizeof(float) * inputs);
        else
          memcpy(
              matrix, convolution->input + ((long)y * size + x) * convolution->input_stride,
              sizeof(float) * inputs);
  }
}

void avp_gather_stem(const avp_convolution *convolution, int first, int count, float *matrix) {
  const int output_size = convolution->size / 2;
  const long framed_row = (convolution->size + 6L) * 3;
  for (int pixel = first; pixel < first + count; pixel++) {
    const float *corner = convolution->input + pixel / output_size * 2 * framed_row
        + pixel % output_size * 6;
    for (int row = 0; row < 7; row++, matrix += 21)
      memcpy(matrix, corner + row * framed_row, sizeof(float) * 21);
  }
}

void avp_finish_pixels(const avp_convolution *convolution, long first, long count) {
  const float *bias = convolution->bias;
  for (long pixel = first; pixel < first + count; pixel++) {
    float *out = convolution->output + pixel * convolution->output_stride;
    for (int c = 0; c < convolution->outputs; c++) out[c] += bias[c];
    // Written so that a NaN stays a NaN and is seen at the end.
    if (convolution->relu)
      for (int c = 0; c < convolution->outputs; c++) out[c] = out[c] < 0 ? 0 : out[c];
  }
}
