// The direct form of every convolution.
#ifndef AVP_INTEGER_CONVOLVE_H
#define AVP_INTEGER_CONVOLVE_H

#include "packing.h"

enum {
  /// Output pixels that share a pass over the panels, at most and at least.
  MOST_ROWS = 96,
  FEWEST_ROWS = 48,
  /// Bytes of their inputs that are to stay in the second level cache.
  BLOCK_BYTES = 1 << 18,
};

_Static_assert(MOST_ROWS * 9 <= AVP_INTEGER_ROWS, "a block of rows has too few row pointers");

/// How many rows the next block should have where `rest` are left: whole tiles, and blocks of about
/// the same size.
static int next_block(long rest, long most) {
  const long blocks = (rest + most - 1) / most;
  const long rows = ((rest + blocks - 1) / blocks + ROW_TILE - 1) / ROW_TILE * ROW_TILE;
  return (int)(rows < rest ? rows : rest);
}

static int most_rows(const avp_integer_shape *shape) {
  // Of the 9 taps of a 3x3 window about 5 are rows that no neighbour reads. (Measured.)
  const long taps = shape->kernel == 3 ? 2 : 1;
  const long most = BLOCK_BYTES / (taps * tap_depth(shape) * ACTIVATION);
  return most > MOST_ROWS ? MOST_ROWS : most < FEWEST_ROWS ? FEWEST_ROWS : (int)most;
}

/// Lists where the activations of `count` output pixels from `first` on are, tap by tap.
static void list_rows(
    const avp_integer_convolution *c, const avp_integer_scratch *scratch, long first, int count) {
  const int size = c->size, stride = c->shape.stride, output_size = (size + stride - 1) / stride;
  const long pixel_bytes = (long)c->shape.inputs * ACTIVATION;
  const char *const input = c->input, *const zeros = scratch->zeros;
  const char **rows = (const char **)scratch->rows;
  if (c->shape.kernel == 1 && stride == 1) {
    for (int i = 0; i < count; i++) rows[i] = input + (first + i) * pixel_bytes;
    return;
  }
  // Walking along the pixels costs no division for each.
  long image = first / ((long)output_size * output_size);
  int y = (int)(first / output_size % output_size) * stride;
  int x = (int)(first % output_size) * stride;
  for (int i = 0; i < count; i++) {
    const char *const centre = input + ((image * size + y) * size + x) * pixel_bytes;
    if (c->shape.kernel == 7) {
      const long framed_row = (size + 6L) * pixel_bytes;
      for (int tap = 0; tap < STEM_TAPS; tap++)
        *rows++ = input + (y + tap) * framed_row + x * pixel_bytes;
    } else if (c->shape.kernel == 1) {
      *rows++ = centre;
    } else {
      for (int up = -1; up <= 1; up++)
        for (int right = -1; right <= 1; right++) {
          const int v = y + up, u = x + right;
          const int inside = v >= 0 && v < size && u >= 0 && u < size;
          *rows++ = inside ? centre + ((long)up * size + right) * pixel_bytes : zeros;
        }
    }
    x += stride;
    if (x < size) continue;
    x = 0, y += stride;
    if (y < size) continue;
    y = 0, image++;
  }
}

static int class_of(const avp_integer_shape *shape) {
  if (shape->kernel == 7) return AVP_CLASS_STEM;
  if (shape->kernel == 1) return AVP_CLASS_POINTWISE;
  return shape->stride == 1 ? AVP_CLASS_PRODUCTS : AVP_CLASS_STRIDED;
}

static void convolve_direct(
    const avp_integer_convolution *c, const avp_integer_scratch *scratch) {
  const double start = now(scratch);
  const avp_integer_shape *shape = &c->shape;
  const packed_parts parts = parts_of(shape, c->weights);
  const int output_size = (c->size + shape->stride - 1) / shape->stride, most = most_rows(shape);
  const long pixels = (long)c->images * output_size * output_size;
  product p = {
    .rows = (const char *const *)scratch->rows, .taps = tap_count(shape),
    .groups = tap_depth(shape) * ACTIVATION / GROUP, .weights = parts.direct,
    .outputs = shape->outputs, .quantiser = parts.quantiser,
    .way = {
      .to = c->to, .add = c->add, .output = c->output,
      .output_stride = output_bytes(c->to, shape->outputs), .residual = c->add ? c->residual : c->output,
      .residual_stride = c->add ? residual_bytes(c->add, shape->outputs) : 0,
      .ratio = c->residual_multiplier,
    },
  };
  for (long rest = pixels; rest > 0; rest -= p.count) {
    p.count = next_block(rest, most);
    list_rows(c, scratch, pixels - rest, p.count);
    multiply(&p);
    p.way.output += p.count * p.way.output_stride;
    p.way.residual += p.count * p.way.residual_stride;
  }
  // conv1's fill is no work that anybody asked for.
  const double products = shape->kernel == 7 ? 147 : (double)p.taps * shape->inputs;
  record(scratch, class_of(shape), start, 2 * products * (double)pixels * shape->outputs);
}

#endif
