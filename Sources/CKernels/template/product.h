// Matrix products: rows read in place through pointers, weights in panels.
#ifndef AVP_PRODUCT_H
#define AVP_PRODUCT_H

#include "../include/CKernels.h"
#include "vector.h"

enum {
  /// Rows that a tile holds in registers. With as many vectors a row as the instruction set has
  /// room for, a multiply-add then costs fewer loads than the processor can do beside it.
  ROW_TILE = 6,
  /// Input channels that one pass over a panel covers; the panel's part then stays in the first
  /// level cache.
  DEPTH_BLOCK = PANEL > 32 ? 128 : 256,
  /// Output pixels that share a pass over the panels; their input rows stay in the second level.
  ROW_BLOCK = 20 * ROW_TILE,
  /// Cache lines of the next panel that a tile asks for in four steps. A panel of 64 channels has 16
  /// of them, so that four tiles ask for all; measured, fewer are too few where a product has few
  /// rows, and more than half of a narrow panel's slow its many tiles down.
  PREFETCHED_LINES = PANEL > 32 ? 4 : 2,
};

/// A product of rows of floats with a matrix of weights, and what is done to it on the way out.
typedef struct {
  /// [row][tap]: where the values of a row are, `depth` of them for each tap.
  const float *const *rows;
  int count;
  int taps;
  int depth;
  /// [panel][tap][depth][PANEL]
  const float *weights;
  int outputs;
  float *output;
  long output_stride;
  const float *bias;  ///< or NULL
  int accumulate;     ///< whether the product is added to what the output holds
  int relu;
} product;

/// One tile of a product: at most ROW_TILE rows times one panel, for a part of the depth.
typedef struct {
  const float *const *rows;
  int taps;
  long first, depth;       ///< the part of each tap's depth
  const float *panel;
  long tap_stride;         ///< floats from one tap's weights to the next one's
  float *output;
  long output_stride;
  int accumulate;            ///< whether the sums begin with what the output holds
  const float *bias;         ///< what is added to them then, or NULL
  int relu;
  const char *next_weights;  ///< weights that will be needed soon
  const float *next_output;  ///< the output of the tile after this one
} product_tile;

/// Bytes of a cache line.
enum { LINE = 64 };

/// Asks for the part of an output row that a tile covers.
INLINE void prefetch_row(const int vectors, const float *row) {
  UNROLLED for (int i = 0; i < vectors * VECTOR_WIDTH; i += LINE / (int)sizeof(float))
    __builtin_prefetch(row + i, 1, 3);
}

/// Computes a tile of `count` rows and `vectors` vectors of outputs. Both are constants where this
/// is inlined, so that all sums live in registers.
INLINE void multiply_tile(const int vectors, const int count, const product_tile *tile) {
  vector sums[ROW_TILE][PANEL_VECTORS];
  const long output_stride = tile->output_stride;
  UNROLLED for (int v = 0; v < vectors; v++) {
    const vector bias = tile->bias ? load(tile->bias + v * VECTOR_WIDTH) : (vector)(0.0f);
    UNROLLED for (int r = 0; r < count; r++) sums[r][v] = bias;
  }
  if (tile->accumulate) {
    UNROLLED for (int r = 0; r < count; r++)
      UNROLLED for (int v = 0; v < vectors; v++)
        sums[r][v] += load(tile->output + r * output_stride + v * VECTOR_WIDTH);
  }
  const long depth = tile->depth;
  const char *next_weights = tile->next_weights;
  const float *next_output = tile->next_output;
  for (int tap = 0; tap < tile->taps; tap++) {
    const float *row[ROW_TILE];
    UNROLLED for (int r = 0; r < count; r++) {
      row[r] = tile->rows[r * tile->taps + tap] + tile->first;
    }
    const float *weights = tile->panel + tap * tile->tap_stride;
    long k = 0;
#define STEP(i)                                                                            \
  {                                                                                        \
    vector factors[PANEL_VECTORS];                                                         \
    UNROLLED for (int v = 0; v < vectors; v++)                                             \
      factors[v] = load(weights + (i) * PANEL + v * VECTOR_WIDTH);                         \
    UNROLLED for (int r = 0; r < count; r++) {                                             \
      const vector value = (vector)(row[r][k + (i)]);                                      \
      UNROLLED for (int v = 0; v < vectors; v++) sums[r][v] += value * factors[v];         \
    }                                                                                      \
  }
#define FOUR_STEPS                                                                    \
  UNROLLED for (int line = 0; line < PREFETCHED_LINES; line++, next_weights += LINE) \
    __builtin_prefetch(next_weights, 0, 2);                                           \
  STEP(0) STEP(1) STEP(2) STEP(3)
    // The next tile's output comes from the outer caches; it is asked for row by row here, because
    // asking for all of it at once would hold up the loads of this tile.
    for (; k + 4 <= depth && k < 4 * count; k += 4, weights += 4 * PANEL) {
      prefetch_row(vectors, next_output);
      next_output += output_stride;
      FOUR_STEPS
    }
    for (; k + 4 <= depth; k += 4, weights += 4 * PANEL) {
      FOUR_STEPS
    }
    for (; k < depth; k++, weights += PANEL) STEP(0)
#undef FOUR_STEPS
#undef STEP
  }
  if (tile->relu) {
    UNROLLED for (int r = 0; r < count; r++)
      UNROLLED for (int v = 0; v < vectors; v++) sums[r][v] = positive(sums[r][v]);
  }
  UNROLLED for (int r = 0; r < count; r++)
    UNROLLED for (int v = 0; v < vectors; v++)
      store(tile->output + r * output_stride + v * VECTOR_WIDTH, sums[r][v]);
}

typedef void (*tile_function)(const product_tile *);

#define TILE_FUNCTION(vectors, count)                                                    \
  static __attribute__((noinline)) void multiply_tile_##vectors##x##count(               \
      const product_tile *tile) {                                                        \
    multiply_tile(vectors, count, tile);                                                 \
  }
#define TILE_FUNCTIONS(vectors)                                                          \
  TILE_FUNCTION(vectors, 1) TILE_FUNCTION(vectors, 2) TILE_FUNCTION(vectors, 3)          \
  TILE_FUNCTION(vectors, 4) TILE_FUNCTION(vectors, 5) TILE_FUNCTION(vectors, 6)          \
  static const tile_function tile_functions_##vectors[ROW_TILE + 1] = {                  \
    0, multiply_tile_##vectors##x1, multiply_tile_##vectors##x2,                         \
    multiply_tile_##vectors##x3, multiply_tile_##vectors##x4, multiply_tile_##vectors##x5, \
    multiply_tile_##vectors##x6,                                                         \
  };
TILE_FUNCTIONS(1)
TILE_FUNCTIONS(2)
#if PANEL_VECTORS > 2
TILE_FUNCTIONS(3)
TILE_FUNCTIONS(4)
#endif

/// By the vectors of outputs, then by the number of rows.
static const tile_function *const tile_functions[PANEL_VECTORS + 1] = {
  0, tile_functions_1, tile_functions_2,
#if PANEL_VECTORS > 2
  tile_functions_3, tile_functions_4,
#endif
};

/// Multiplies a block of rows with one panel, for the part of the depth from `first` on; `next` is
/// the panel that comes after.
///
/// The rows are spread evenly over the fewest tiles, so that none has only a few rows. Each tile
/// asks for its share of the next panel.
static void multiply_panel(
    const product *p, int n, long first, long depth, const float *next_panel) {
  const int is_last = first + depth == p->depth;
  const long panel_floats = (long)p->taps * p->depth * PANEL;
  product_tile tile = {
    .rows = p->rows,
    .taps = p->taps,
    .first = first,
    .depth = depth,
    .panel = p->weights + n / PANEL * panel_floats + first * PANEL,
    .tap_stride = (long)p->depth * PANEL,
    .output = p->output + n,
    .output_stride = p->output_stride,
    .accumulate = first > 0 || p->accumulate,
    .bias = first == 0 && p->bias ? p->bias + n : NULL,
    .relu = is_last && p->relu,
  };
  const int width = p->outputs - n < PANEL ? p->outputs - n : PANEL;
  const tile_function *functions = tile_functions[(width + VECTOR_WIDTH - 1) / VECTOR_WIDTH];
  const int tiles = (p->count + ROW_TILE - 1) / ROW_TILE;
  const int base = p->count / tiles, longer = p->count % tiles;
  const long share = depth / 4 * p->taps * PREFETCHED_LINES * LINE;
  const char *next = (const char *)next_panel;
  const char *end = next + depth * p->taps * PANEL * sizeof(float);
  for (int index = 0; index < tiles; index++) {
    const int count = base + (index < longer);
    tile.next_weights = next < end ? next : (const char *)tile.panel;
    next += share;
    tile.next_output = tile.output + count * p->output_stride;
    functions[count](&tile);
    tile.rows += count * p->taps;
    tile.output += count * p->output_stride;
  }
}

/// Multiplies a block of at most ROW_BLOCK rows with all panels.
///
/// The order in which a value's products are added depends on `depth` and `taps` alone, never on
/// the rows beside it: an image's features are the same bits in any company.
static void multiply_block(const product *p) {
  // Only conv1 has several taps, and its depth is small.
  const int blocks = p->taps > 1 ? 1 : (p->depth + DEPTH_BLOCK - 1) / DEPTH_BLOCK;
  const int block_depth = ((p->depth + blocks - 1) / blocks + 3) / 4 * 4;
  const int panels = (p->outputs + PANEL - 1) / PANEL;
  const long panel_floats = (long)p->taps * p->depth * PANEL;
  // The longer of depth and outputs is walked along in the outer loop, so that the block's part of
  // the other one stays in the cache.
  const int depth_is_outer = p->depth > p->outputs;
  for (int step = 0; step < blocks * panels; step++) {
    const int block = depth_is_outer ? step / panels : step % blocks;
    const int panel = depth_is_outer ? step % panels : step / blocks;
    const int first = block * block_depth;
    const int rest = p->depth - first;
    const int depth = rest < block_depth ? rest : block_depth;
    const int next_block = depth_is_outer ? (step + 1) / panels : (step + 1) % blocks;
    const int next_panel = depth_is_outer ? (step + 1) % panels : (step + 1) / blocks;
    multiply_panel(
        p, panel * PANEL, first, depth,
        p->weights + next_panel * panel_floats + (long)next_block * block_depth * PANEL);
  }
}

/// How many rows the next block should have where `rest` are left: whole tiles, and blocks of about
/// the same size.
static int next_block(long rest) {
  const long blocks = (rest + ROW_BLOCK - 1) / ROW_BLOCK;
  const long rows = ((rest + blocks - 1) / blocks + ROW_TILE - 1) / ROW_TILE * ROW_TILE;
  return (int)(rows < rest ? rows : rest);
}

/// Multiplies any number of rows.
static void multiply(product p) {
  for (long rest = p.count; rest > 0; rest -= p.count) {
    p.count = next_block(rest);
    multiply_block(&p);
    p.rows += p.count * p.taps;
    p.output += p.count * p.output_stride;
  }
}

/// Adds the time since `start` to a class of work.
INLINE void record(const avp_scratch *scratch, int class, double start, double operations) {
  if (!scratch->timing) return;
  scratch->timing->seconds[class] += avp_seconds() - start;
  scratch->timing->operations[class] += operations;
}

/// The time, where it is wanted.
INLINE double now(const avp_scratch *scratch) { return scratch->timing ? avp_seconds() : 0; }

#endif
