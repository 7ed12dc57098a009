// Convolutions without a transform: 1x1 of any stride, and conv1 with its max-pooling.
#include "product.h"

_Static_assert(ROW_BLOCK <= AVP_ROW_POINTERS, "a block of rows has too few row pointers");

/// A 1x1 convolution.
static void convolve_pointwise(const avp_convolution *c, const avp_scratch *scratch) {
  const double start = now(scratch);
  const int output_size = avp_output_size(c);
  const long pixels_a_image = (long)output_size * output_size;
  const long pixels = c->images * pixels_a_image;
  product p = {
    .rows = scratch->rows, .taps = 1, .depth = c->inputs, .weights = c->weights,
    .outputs = c->outputs, .output_stride = c->output_stride, .bias = c->bias,
    .accumulate = c->accumulate, .relu = c->relu,
  };
  for (long first = 0; first < pixels; first += p.count) {
    p.count = next_block(pixels - first);
    p.output = c->output + first * c->output_stride;
    for (int r = 0; r < p.count; r++) {
      long pixel = first + r;
      if (c->stride > 1) {
        const long image = pixel / pixels_a_image, position = pixel % pixels_a_image;
        const long y = position / output_size * c->stride, x = position % output_size * c->stride;
        pixel = (image * c->size + y) * c->size + x;
      }
      scratch->rows[r] = c->input + pixel * c->input_stride;
    }
    multiply_block(&p);
  }
  record(scratch, AVP_CLASS_POINTWISE, start, 2.0 * pixels * c->inputs * c->outputs);
}

/// One row of conv1's output: each pixel is 7 rows of 21 floats of the framed image.
static void convolve_stem_row(
    const avp_convolution *c, int y, float *output, const avp_scratch *scratch) {
  const int output_size = c->size / 2;
  const long framed_row = (c->size + 6L) * 3;
  const float **rows = scratch->rows;
  for (int x = 0; x < output_size; x++)
    for (int tap = 0; tap < 7; tap++)
      *rows++ = c->input + (2 * y + tap) * framed_row + 6 * x;
  multiply((product){
      .rows = scratch->rows, .count = output_size, .taps = 7, .depth = 21,
      .weights = c->weights, .outputs = c->outputs, .output = output,
      .output_stride = c->output_stride, .bias = c->bias, .relu = 1,
  });
}

enum {
  /// Rows of conv1's output that are kept at a time: a pooling window has 3.
  STEM_ROWS = 4
};

/// One row of the max-pooling over the kept rows of conv1's output.
static void pool_stem_row(const avp_max_pool *pool, int y) {
  const int size = pool->size, top = 2 * y + pool->offset;
  const long row_floats = size * pool->input_stride;
  for (int x = 0; x < pool->output_size; x++) {
    const int left = 2 * x + pool->offset;
    float *out = pool->output + ((long)y * pool->output_size + x) * pool->output_stride;
    for (int c = 0; c < pool->channels; c += VECTOR_WIDTH) {
      vector maximum = (vector)(0.0f);
      for (int row = top < 0 ? 0 : top; row < top + 3 && row < size; row++) {
        const float *in = pool->input + row % STEM_ROWS * row_floats + c;
        for (int column = left < 0 ? 0 : left; column < left + 3 && column < size; column++)
          maximum = larger(maximum, load(in + column * pool->input_stride));
      }
      store(out + c, maximum);
    }
  }
}

/// conv1 and the max-pooling after it, row by row, so that conv1's output never leaves the cache.
static void convolve_stem(
    const avp_convolution *c, const avp_max_pool *pool, const avp_scratch *scratch) {
  const int size = pool->size;
  const long row_floats = size * c->output_stride;
  int done = 0;
  for (int y = 0; y < pool->output_size; y++) {
    const int bottom = 2 * y + pool->offset + 3;
    double start = now(scratch);
    const int before = done;
    for (; done < bottom && done < size; done++)
      convolve_stem_row(c, done, c->output + done % STEM_ROWS * row_floats, scratch);
    record(
        scratch, AVP_CLASS_STEM, start, 2.0 * 147 * c->outputs * size * (done - before));
    start = now(scratch);
    pool_stem_row(pool, y);
    record(scratch, AVP_CLASS_POOLING, start, 0);
  }
}

/// Keeps the compiler from seeing that `value` never changes, where it fits into a register.
#if defined(__x86_64__) && (VECTOR_WIDTH < 16 || defined(__AVX512F__))
#define HIDE(value) __asm__ volatile("" : "+x"(value))
#elif defined(__aarch64__) && VECTOR_WIDTH == 4
#define HIDE(value) __asm__ volatile("" : "+w"(value))
#else
#define HIDE(value) __asm__ volatile("" ::: "memory")
#endif

/// Keeps all multiply-add units busy `rounds` times with sums in registers; returns the operations
/// done.
static double fma_burst(long rounds) {
  enum { SUMS = VECTOR_WIDTH == 16 ? 24 : 10 };
  vector sums[SUMS];
  UNROLLED for (int i = 0; i < SUMS; i++) sums[i] = (vector)((float)i);
  vector factor = (vector)(0.999f), term = (vector)(0.001f);
  for (long round = 0; round < rounds; round++) {
    HIDE(factor);
    UNROLLED for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * factor + term;
  }
  vector total = sums[0];
  UNROLLED for (int i = 1; i < SUMS; i++) total += sums[i];
  volatile float sink = total[0];
  (void)sink;
  return 2.0 * SUMS * VECTOR_WIDTH * (double)rounds;
}
