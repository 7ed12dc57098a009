// 3x3 convolutions of stride 1 by Winograd's method F(4x4, 3x3), in whole numbers and exact.
//
//         |4  0 -5  0 1 0|       | 6  0  0|         |1 4  4 1  1 0|   24 times output 0
//         |0 -4 -4  1 1 0|       |-1 -1 -1|         |0 2 -2 1 -1 0|   12 times output 1
//   B^T = |0  4 -4 -1 1 0|   G = |-1  1 -1|   A^T = |0 1  1 1  1 0|    6 times output 2
//         |0 -2 -1  2 1 0|       | 1  2  4|         |0 1 -1 2 -2 1|    6 times output 3
//         |0  2 -1 -2 1 0|       | 1 -2  4|
//         |0  4  0 -5 0 1|       | 0  0  6|
//
// B^T d B is at most 68 * 255 and G w G^T at most 49 * 127 in size, which fit words. All that
// follows is modulo 2^32: what A leaves is 9 * 2^e times an output, with an e of 2 to 6 that
// depends on its place. Times the inverse of 9 and 2^(6 - e) that is 2^6 times the output, and
// exactly so where the output lies within 26 bits; packing checks that (avp_fits_winograd).
#ifndef AVP_INTEGER_WINOGRAD_H
#define AVP_INTEGER_WINOGRAD_H

#include "convolve.h"

enum {
  /// Fewer tiles than this are convolved directly: Winograd's weights are 8 times as many bytes,
  /// and reading them would take longer.
  FEWEST_TILES = 16,
  /// Bytes beyond its channels that a slot takes up, so that slots do not all fall into the same
  /// sets of a cache.
  SLOT_PADDING = 64,
  /// The inverse of 9 modulo 2^32.
  NINTH = 0x38e38e39,
};

_Static_assert(AVP_INTEGER_TILES <= AVP_INTEGER_ROWS, "a block of tiles has too few row pointers");

/// What outputs 0 to 3 of a side are multiplied with, as powers of 2 and with a 3 beside them.
static const int output_power[4] = {3, 2, 1, 1};

INLINE void transform_inputs(const words *d, words *out) {
  const words even = d[4] - (d[2] << 2), odd = d[3] - (d[1] << 2);
  const words even2 = d[4] - d[2], odd2 = d[3] - d[1], twice = odd2 + odd2;
  out[0] = even2 + ((d[0] - d[2]) << 2);
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + twice;
  out[4] = even2 - twice;
  out[5] = d[5] - d[3] - (twice + twice);
}

/// Transforms the 6x6 pixels of a tile.
static __attribute__((noinline)) void transform_tile_inputs(
    const char *const *pixels, int channels, char *out, long slot_bytes) {
  for (int c = 0; c < channels; c += 2 * LANES) {
    words half[6][6];
    UNROLLED for (int j = 0; j < 6; j++) {
      words d[6], column[6];
      UNROLLED for (int i = 0; i < 6; i++)
        d[i] = load_activations(pixels[i * 6 + j] + c * ACTIVATION);
      transform_inputs(d, column);
      UNROLLED for (int i = 0; i < 6; i++) half[i][j] = column[i];
    }
    UNROLLED for (int i = 0; i < 6; i++) {
      words row[6];
      transform_inputs(half[i], row);
      UNROLLED for (int j = 0; j < 6; j++)
        store_words(out + (i * 6 + j) * slot_bytes + 2 * c, row[j]);
    }
  }
}

INLINE void transform_products(const wrapped *m, wrapped *y) {
  const wrapped sum = m[1] + m[2], difference = m[1] - m[2];
  const wrapped sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum2 + (sum << 2);
  y[1] = difference + difference + difference2;
  y[2] = sum + sum2;
  y[3] = difference + m[5] + (difference2 + difference2);
}

/// The 16 outputs of a tile from one vector of its products, shifted.
INLINE void tile_sums(
    const char *const *products, const int v, long offset, const quantiser *q, sums *out) {
  const wrapped bias = (wrapped)load_sums(q->scaled_bias[v]);
  const sums shift = load_sums(q->scaled_shift[v]);
  wrapped half[4][6];
  UNROLLED for (int j = 0; j < 6; j++) {
    wrapped m[6], y[4];
    UNROLLED for (int i = 0; i < 6; i++)
      m[i] = (wrapped)load_sums(products[i * 6 + j] + offset + v * sizeof(sums));
    transform_products(m, y);
    UNROLLED for (int i = 0; i < 4; i++) half[i][j] = y[i];
  }
  UNROLLED for (int i = 0; i < 4; i++) {
    wrapped y[4];
    transform_products(half[i], y);
    UNROLLED for (int j = 0; j < 4; j++) {
      const int rest = SCALE_BITS - output_power[i] - output_power[j];
      out[i * 4 + j] = (sums)(y[j] * ((uint32_t)NINTH << rest) + bias) >> shift;
    }
  }
}

/// A tile of the output: which image, where, how large.
typedef struct {
  int image, y, x, height, width;
} tile_place;

/// Tiles are spread evenly over a side; each has at most 4 outputs, and none more than its
/// neighbour plus 1.
INLINE tile_place tile_at(int size, int index) {
  const int side = (size + 3) / 4, row = index / side % side, column = index % side;
  tile_place tile = {
    .image = index / (side * side), .y = size * row / side, .x = size * column / side};
  tile.height = size * (row + 1) / side - tile.y;
  tile.width = size * (column + 1) / side - tile.x;
  return tile;
}

/// Whether a tile uses a slot: the last ones of a side serve its fourth output alone.
INLINE int uses(const tile_place *tile, int slot) {
  return (slot / 6 < 5 || tile->height == 4) && (slot % 6 < 5 || tile->width == 4);
}

/// A block of tiles on its way.
typedef struct {
  const avp_integer_convolution *c;
  const avp_integer_scratch *scratch;
  packed_parts parts;
  tile_place tiles[AVP_INTEGER_TILES];
  int count;
  long slot_bytes;     ///< from one slot of a tile to the next
  long product_bytes;  ///< from one row of products to the next
} tile_block;

static void transform_block_inputs(const tile_block *block) {
  const avp_integer_convolution *c = block->c;
  const long pixel_bytes = (long)c->shape.inputs * ACTIVATION;
  for (int index = 0; index < block->count; index++) {
    const tile_place tile = block->tiles[index];
    const char *pixels[SLOTS];
    for (int i = 0; i < 6; i++)
      for (int j = 0; j < 6; j++) {
        const int y = tile.y + i - 1, x = tile.x + j - 1;
        const int inside = y >= 0 && x >= 0 && y < c->size && x < c->size;
        const long pixel = ((long)tile.image * c->size + y) * c->size + x;
        pixels[i * 6 + j] =
            inside ? (const char *)c->input + pixel * pixel_bytes : block->scratch->zeros;
      }
    transform_tile_inputs(
        pixels, c->shape.inputs,
        (char *)block->scratch->transformed + index * SLOTS * block->slot_bytes,
        block->slot_bytes);
  }
}

/// Multiplies the slots of a block with their matrices; returns the operations done.
static double multiply_block_slots(const tile_block *block) {
  const avp_integer_shape *shape = &block->c->shape;
  const char **rows = (const char **)block->scratch->rows;
  char *output = block->scratch->products;
  double done = 0;
  for (int slot = 0; slot < SLOTS; slot++) {
    int count = 0;
    for (int index = 0; index < block->count; index++)
      if (uses(&block->tiles[index], slot))
        rows[count++] = (const char *)block->scratch->transformed
            + (index * SLOTS + slot) * block->slot_bytes;
    if (!count) continue;
    multiply(&(product){
        .rows = rows, .count = count, .taps = 1, .groups = shape->inputs * 2 / GROUP,
        .weights = block->parts.winograd + slot * slot_matrix_bytes(shape),
        .outputs = shape->outputs,
        .way = {.output = output, .output_stride = block->product_bytes},
    });
    output += count * block->product_bytes;
    done += count;
  }
  return 2 * done * shape->inputs * shape->outputs;
}

/// Makes the outputs of one tile from its products.
static __attribute__((noinline)) void transform_tile_outputs(
    const tile_block *block, const tile_place *tile, const char *const *products) {
  const avp_integer_convolution *c = block->c;
  const int outputs = c->shape.outputs;
  const long pixel_bytes = output_bytes(c->to, outputs);
  char *const first = (char *)c->output
      + (((long)tile->image * c->size + tile->y) * c->size + tile->x) * pixel_bytes;
  for (int panel = 0; panel < outputs / PANEL; panel++) {
    const quantiser *q = block->parts.quantiser + panel;
    words word[16][PAIRS];
    UNROLLED for (int pair = 0; pair < PAIRS; pair++) {
      sums a[16], b[16];
      const long offset = panel * VECTORS * (long)sizeof(sums);
      tile_sums(products, 2 * pair, offset, q, a);
      tile_sums(products, 2 * pair + 1, offset, q, b);
      UNROLLED for (int i = 0; i < 16; i++)
        word[i][pair] = scaled(pack_words(a[i], b[i]), load_words(q->multiplier[pair]));
    }
    way_out way = {.to = c->to, .add = AVP_ADD_NOTHING};
    for (int i = 0; i < tile->height; i++)
      for (int j = 0; j < tile->width; j++) {
        way.output = first + (i * c->size + j) * pixel_bytes + output_bytes(c->to, panel * PANEL);
        finish(1, word + i * 4 + j, &way);
      }
  }
}

static void transform_block_outputs(const tile_block *block) {
  const char *next = block->scratch->products;
  const char *rows[SLOTS];  // the next row of each product, met in the order of the tiles
  for (int slot = 0; slot < SLOTS; slot++) {
    rows[slot] = next;
    for (int index = 0; index < block->count; index++)
      if (uses(&block->tiles[index], slot)) next += block->product_bytes;
  }
  for (int index = 0; index < block->count; index++) {
    const char *products[SLOTS];
    for (int slot = 0; slot < SLOTS; slot++) {
      // Where a tile has no product, whatever lies there makes only outputs that nobody stores; it
      // lies within the workspace, because that product is missing.
      products[slot] = rows[slot];
      if (uses(&block->tiles[index], slot)) rows[slot] += block->product_bytes;
    }
    transform_tile_outputs(block, &block->tiles[index], products);
  }
}

/// Tiles of a convolution that a block can hold, or 0 where the direct form is to be taken.
static int tiles_of_block(const avp_integer_convolution *c, const avp_integer_scratch *scratch) {
  const int side = (c->size + 3) / 4, tiles = c->images * side * side;
  const long slot = 2L * c->shape.inputs + SLOT_PADDING;
  const long row = 4L * c->shape.outputs + SLOT_PADDING;
  const size_t most = scratch->tile_bytes / (SLOTS * (slot > row ? slot : row));
  if (tiles < FEWEST_TILES || !((const packed_head *)c->weights)->has_winograd) return 0;
  return most < AVP_INTEGER_TILES ? (int)most : AVP_INTEGER_TILES;
}

static void convolve_winograd(
    const avp_integer_convolution *c, const avp_integer_scratch *scratch, int most) {
  tile_block block = {
    .c = c, .scratch = scratch, .parts = parts_of(&c->shape, c->weights),
    .slot_bytes = 2L * c->shape.inputs + SLOT_PADDING,
    .product_bytes = 4L * c->shape.outputs + SLOT_PADDING,
  };
  const int side = (c->size + 3) / 4, tiles = c->images * side * side;
  const int blocks = (tiles + most - 1) / most;
  for (int index = 0; index < blocks; index++) {
    double start = now(scratch);
    const int first = (int)((long)tiles * index / blocks);
    block.count = (int)((long)tiles * (index + 1) / blocks) - first;
    for (int i = 0; i < block.count; i++) block.tiles[i] = tile_at(c->size, first + i);
    transform_block_inputs(&block);
    record(scratch, AVP_CLASS_TRANSFORMS, start, 0);
    start = now(scratch);
    const double operations = multiply_block_slots(&block);
    record(scratch, AVP_CLASS_PRODUCTS, start, operations);
    start = now(scratch);
    transform_block_outputs(&block);
    record(scratch, AVP_CLASS_TRANSFORMS, start, 0);
  }
}

#endif
