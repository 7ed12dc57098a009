// 3x3 convolutions by Winograd's method: input tiles are transformed, multiplied slot by slot with
// the transformed weights as matrix products over many tiles, and transformed back.
#include "product.h"
#include "transforms.h"

typedef void (*input_transform)(
    const float *const *pixels, int channels, float *out, long slot_stride);
typedef void (*output_transform)(
    const float *const *products, int channels, const float *bias, int relu, float *out,
    long row_stride, long pixel_stride);

#define TILE_TRANSFORMS(kind, height, width)                                                 \
  static __attribute__((noinline)) void inputs_##kind##_##height##width(                     \
      const float *const *pixels, int channels, float *out, long slot_stride) {              \
    transform_input_tile(kind, height, width, pixels, channels, out, slot_stride);           \
  }                                                                                          \
  static __attribute__((noinline)) void outputs_##kind##_##height##width(                    \
      const float *const *products, int channels, const float *bias, int relu, float *out,   \
      long row_stride, long pixel_stride) {                                                  \
    transform_output_tile(                                                                   \
        kind, height, width, products, channels, bias, relu, out, row_stride, pixel_stride); \
  }
#define KIND_TRANSFORMS(kind)                                                                 \
  TILE_TRANSFORMS(kind, 2, 2) TILE_TRANSFORMS(kind, 2, 3) TILE_TRANSFORMS(kind, 2, 4)         \
  TILE_TRANSFORMS(kind, 3, 2) TILE_TRANSFORMS(kind, 3, 3) TILE_TRANSFORMS(kind, 3, 4)         \
  TILE_TRANSFORMS(kind, 4, 2) TILE_TRANSFORMS(kind, 4, 3) TILE_TRANSFORMS(kind, 4, 4)
KIND_TRANSFORMS(STRIDE_1)
KIND_TRANSFORMS(STRIDE_2)

#define TRANSFORM_TABLE(direction, kind)                                     \
  {{direction##_##kind##_22, direction##_##kind##_23, direction##_##kind##_24},\
   {direction##_##kind##_32, direction##_##kind##_33, direction##_##kind##_34},\
   {direction##_##kind##_42, direction##_##kind##_43, direction##_##kind##_44}}

/// By kind, height less 2 and width less 2 of the tile.
static const input_transform input_transforms[2][3][3] = {
  TRANSFORM_TABLE(inputs, STRIDE_1), TRANSFORM_TABLE(inputs, STRIDE_2)};
static const output_transform output_transforms[2][3][3] = {
  TRANSFORM_TABLE(outputs, STRIDE_1), TRANSFORM_TABLE(outputs, STRIDE_2)};

enum {
  /// Weight matrices of a transform.
  MATRICES = 36,
  /// Tiles of a block, at least (if there are so many and memory suffices).
  FEW_TILES = 64,
  /// Tiles of a block, at most.
  MOST_TILES = 256,
};

_Static_assert(16 * MOST_TILES <= AVP_ROW_POINTERS, "a block of tiles has too few row pointers");
_Static_assert(PANEL + 16 <= AVP_SLOT_PADDING, "a slot takes up more than a workspace provides");

/// How a map's side is split into tiles: 4 outputs each, the last ones 3 or 2 if 4 does not divide
/// it.
typedef struct {
  int count, size;
} tile_split;

static tile_split split_side(int size) { return (tile_split){(size + 3) / 4, size}; }

/// Where tile `index` of a side begins and how many outputs it has. A rest of 1 is not possible, so
/// the last two tiles then have 3 and 2.
INLINE void tile_extent(tile_split split, int index, int *first, int *side) {
  const int rest = split.size % 4;
  *first = 4 * index;
  *side = 4;
  if (index == split.count - 1 && rest) *side = rest;
  if (rest == 1) {
    if (index == split.count - 2) *side = 3;
    if (index == split.count - 1) *first -= 1, *side = 2;
  }
}

/// A tile of the output: which image, where, how large.
typedef struct {
  int image, y, x, height, width;
} tile_place;

INLINE tile_place tile_at(tile_split split, int index) {
  tile_place tile;
  const int in_image = index % (split.count * split.count);
  tile.image = index / (split.count * split.count);
  tile_extent(split, in_image / split.count, &tile.y, &tile.height);
  tile_extent(split, in_image % split.count, &tile.x, &tile.width);
  return tile;
}

/// One block of tiles on its way.
typedef struct {
  const avp_convolution *c;
  const avp_scratch *scratch;
  tile_split split;
  tile_place tiles[MOST_TILES];
  int count;
  long slot_stride;      ///< floats between a tile's transformed slots
  long product_stride;   ///< floats between rows of products
  int rows[MATRICES];    ///< rows of each product
} tile_block;

/// Chooses the tiles from `first` to `end`.
INLINE void choose_tiles(tile_block *block, int first, int end) {
  block->count = end - first;
  for (int index = 0; index < block->count; index++)
    block->tiles[index] = tile_at(block->split, first + index);
}

INLINE long tile_stride(const transform_kind kind, const tile_block *block) {
  return slot_count(kind) * slot_count(kind) * block->slot_stride;
}

/// Transforms the inputs of a block's tiles.
INLINE void transform_block_inputs(const transform_kind kind, const tile_block *block) {
  const avp_convolution *c = block->c;
  const int step = kind == STRIDE_1 ? 1 : 2;
  for (int index = 0; index < block->count; index++) {
    const tile_place tile = block->tiles[index];
    const int rows = reach(kind, tile.height), columns = reach(kind, tile.width);
    const float *pixels[81];
    const float **pixel = pixels;
    for (int i = 0; i < rows; i++) {
      const int y = step * tile.y + i - 1;
      for (int j = 0; j < columns; j++) {
        const int x = step * tile.x + j - 1;
        const int inside = y >= 0 && x >= 0 && y < c->size && x < c->size;
        const long index = ((long)tile.image * c->size + y) * c->size + x;
        *pixel++ = inside ? c->input + index * c->input_stride : block->scratch->zeros;
      }
    }
    input_transforms[kind][tile.height - 2][tile.width - 2](
        pixels, c->inputs, block->scratch->transformed + index * tile_stride(kind, block),
        block->slot_stride);
  }
}

/// Lists the rows of the product with weight matrix (p, q): slot by slot of each tile that uses
/// them.
INLINE int list_rows(const transform_kind kind, const tile_block *block, int p, int q) {
  const int slots = slot_count(kind);
  const int last_i = kind == STRIDE_2 && p == 5 ? 8 : p;
  const int last_j = kind == STRIDE_2 && q == 5 ? 8 : q;
  int count = 0;
  for (int index = 0; index < block->count; index++) {
    const tile_place tile = block->tiles[index];
    const float *slot = block->scratch->transformed + index * tile_stride(kind, block);
    for (int i = p; i <= last_i; i++) {
      if (!is_used(kind, tile.height, i)) continue;
      for (int j = q; j <= last_j; j++)
        if (is_used(kind, tile.width, j))
          block->scratch->rows[count++] = slot + (i * slots + j) * block->slot_stride;
    }
  }
  return count;
}

/// Multiplies all slots of a block with their weight matrices; returns the operations done.
INLINE double multiply_block_slots(const transform_kind kind, tile_block *block) {
  const avp_convolution *c = block->c;
  const long matrix_floats = (long)(c->outputs + PANEL - 1) / PANEL * PANEL * c->inputs;
  float *output = block->scratch->products;
  double rows = 0;
  for (int matrix = 0; matrix < MATRICES; matrix++) {
    const int count = list_rows(kind, block, matrix / 6, matrix % 6);
    block->rows[matrix] = count;
    multiply((product){
        .rows = block->scratch->rows, .count = count, .taps = 1, .depth = c->inputs,
        .weights = c->weights + matrix * matrix_floats, .outputs = c->outputs,
        .output = output, .output_stride = block->product_stride,
    });
    output += count * block->product_stride;
    rows += count;
  }
  return 2 * rows * c->inputs * c->outputs;
}

/// Transforms the products of a block back into the output map.
INLINE void transform_block_outputs(const transform_kind kind, const tile_block *block) {
  const avp_convolution *c = block->c;
  const int slots = slot_count(kind), size = block->split.size;
  // The products' rows are met in the order in which list_rows made them.
  const float *next[MATRICES];
  next[0] = block->scratch->products;
  for (int matrix = 1; matrix < MATRICES; matrix++)
    next[matrix] = next[matrix - 1] + block->rows[matrix - 1] * block->product_stride;
  for (int index = 0; index < block->count; index++) {
    const tile_place tile = block->tiles[index];
    const float *products[81];
    for (int i = 0; i < slots; i++) {
      if (!is_used(kind, tile.height, i)) continue;
      for (int j = 0; j < slots; j++) {
        if (!is_used(kind, tile.width, j)) continue;
        const int matrix = weight_row(kind, i) * 6 + weight_row(kind, j);
        products[i * slots + j] = next[matrix];
        next[matrix] += block->product_stride;
      }
    }
    const long index = ((long)tile.image * size + tile.y) * size + tile.x;
    output_transforms[kind][tile.height - 2][tile.width - 2](
        products, c->outputs, c->bias, c->relu, c->output + index * c->output_stride,
        size * c->output_stride, c->output_stride);
  }
}

INLINE int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// A 3x3 convolution, block by block of tiles.
INLINE void convolve_tiles(
    const transform_kind kind, const avp_convolution *c, const avp_scratch *scratch) {
  const int slots = slot_count(kind);
  tile_block block = {
    .c = c, .scratch = scratch, .split = split_side(avp_output_size(c)),
    // A little more than the channels, so that slots do not all fall into the same cache sets.
    .slot_stride = round_up(c->inputs, 16) + 16,
    .product_stride = round_up(c->outputs, PANEL) + 16,
  };
  const long widest =
      block.slot_stride > block.product_stride ? block.slot_stride : block.product_stride;
  const int tiles = c->images * block.split.count * block.split.count;
  long most = scratch->tile_floats / (slots * slots * widest);
  // Measured: many tiles a block where the weights are many, so that they are read seldom; few
  // where they are few, so that the block stays in the second level cache.
  const int useful = c->inputs * 3 / 8 > FEW_TILES ? c->inputs * 3 / 8 : FEW_TILES;
  if (most > useful) most = useful;
  if (most > MOST_TILES) most = MOST_TILES;
  const int blocks = (int)((tiles + most - 1) / most);
  const int class = kind == STRIDE_1 ? AVP_CLASS_PRODUCTS : AVP_CLASS_STRIDED;
  for (int index = 0; index < blocks; index++) {
    double start = now(scratch);
    choose_tiles(
        &block, (int)((long)tiles * index / blocks), (int)((long)tiles * (index + 1) / blocks));
    transform_block_inputs(kind, &block);
    record(scratch, AVP_CLASS_TRANSFORMS, start, 0);
    start = now(scratch);
    const double operations = multiply_block_slots(kind, &block);
    record(scratch, class, start, operations);
    start = now(scratch);
    transform_block_outputs(kind, &block);
    record(scratch, AVP_CLASS_TRANSFORMS, start, 0);
  }
}

/// A 3x3 convolution of stride 1 or 2 whose output has at least 2 pixels a side.
static void convolve_3x3(const avp_convolution *c, const avp_scratch *scratch) {
  if (c->stride == 1) convolve_tiles(STRIDE_1, c, scratch);
  else convolve_tiles(STRIDE_2, c, scratch);
}
