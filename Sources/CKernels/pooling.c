// The cheap layers around the convolutions, and the books on time. They are bound by memory, so one
// version serves all instruction sets; only the max-pooling here is OpenBLAS's alone, because the
// kernels have theirs inside the stem.
#include <string.h>
#include <time.h>

#include "CKernels.h"

double avp_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double avp_class_seconds(const avp_timing *timing, int class) { return timing->seconds[class]; }

double avp_class_operations(const avp_timing *timing, int class) {
  return timing->operations[class];
}

void avp_add_time(avp_timing *timing, int class, double seconds, double operations) {
  timing->seconds[class] += seconds;
  timing->operations[class] += operations;
}

void avp_frame_image(const float *image, int size, float *framed) {
  const long row = (size + 6L) * 3, inner = 3L * size;
  memset(framed, 0, sizeof(float) * 3 * row);
  for (int y = 0; y < size; y++) {
    float *out = framed + (y + 3) * row;
    memset(out, 0, sizeof(float) * 9);
    memcpy(out + 9, image + y * inner, sizeof(float) * inner);
    memset(out + 9 + inner, 0, sizeof(float) * 9);
  }
  memset(framed + (size + 3) * row, 0, sizeof(float) * 3 * row);
}

void avp_pool_maxima(const avp_max_pool *pool) {
  const int size = pool->size, output_size = pool->output_size;
  for (int y = 0; y < output_size; y++)
    for (int x = 0; x < output_size; x++) {
      const int top = 2 * y + pool->offset, left = 2 * x + pool->offset;
      float *out = pool->output + ((long)y * output_size + x) * pool->output_stride;
      // A window always holds the input pixel (2y, 2x).
      memcpy(
          out, pool->input + ((long)2 * y * size + 2 * x) * pool->input_stride,
          sizeof(float) * pool->channels);
      for (int row = top < 0 ? 0 : top; row < top + 3 && row < size; row++)
        for (int column = left < 0 ? 0 : left; column < left + 3 && column < size; column++) {
          const float *in = pool->input + ((long)row * size + column) * pool->input_stride;
          // Written so that a NaN on either side stays.
          for (int c = 0; c < pool->channels; c++)
            out[c] = out[c] >= in[c] || out[c] != out[c] ? out[c] : in[c];
        }
    }
}

void avp_channel_means(const float *map, int pixels, long stride, int channels, float *means) {
  memset(means, 0, sizeof(float) * channels);
  for (int pixel = 0; pixel < pixels; pixel++, map += stride)
    for (int c = 0; c < channels; c++) means[c] += map[c];
  for (int c = 0; c < channels; c++) means[c] /= (float)pixels;
}
