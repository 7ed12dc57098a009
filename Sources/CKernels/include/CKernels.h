// Kernels of the frozen backbone, written once over a vector type and compiled for several
// instruction sets. This header is all that Swift sees of them: plain structs and a table of
// functions for each instruction set.
//
// Feature maps are NHWC floats. A pixel's channels are followed by padding up to its stride;
// kernels write whole panels of output channels, so they may write into that padding.
#ifndef AVP_CKERNELS_H
#define AVP_CKERNELS_H

#include <stddef.h>

/// The kinds of work that `bench` reports apart from each other.
enum {
  AVP_CLASS_STEM,       ///< conv1
  AVP_CLASS_POINTWISE,  ///< 1x1 convolutions, any stride
  AVP_CLASS_PRODUCTS,   ///< the matrix products of 3x3 stride 1 convolutions
  AVP_CLASS_STRIDED,    ///< the matrix products of 3x3 stride 2 convolutions
  AVP_CLASS_TRANSFORMS, ///< Winograd input and output transforms
  AVP_CLASS_POOLING,    ///< max-pool, channel means and copying the image in
  AVP_CLASS_COUNT
};

/// Seconds and floating-point operations (2 per multiply-add really done) spent in each class.
typedef struct {
  double seconds[AVP_CLASS_COUNT];
  double operations[AVP_CLASS_COUNT];
} avp_timing;

enum {
  /// Room for row pointers: those of a row of conv1 have 7 an output pixel, those of a block of
  /// Winograd tiles at most 16 a tile.
  AVP_ROW_POINTERS = 1 << 13,
  /// Slots of a Winograd tile, at most.
  AVP_TILE_SLOTS = 81,
  /// Floats beyond its channels that a slot takes up, at most.
  AVP_SLOT_PADDING = 80,
};

/// Working memory of one thread.
typedef struct {
  const float **rows;   ///< AVP_ROW_POINTERS row pointers of one block of output pixels
  float *transformed;   ///< transformed input tiles
  float *products;      ///< their products with the transformed weights
  long tile_floats;     ///< floats that each of the two has room for: at least one tile of a layer
  const float *zeros;   ///< what lies outside an image: whole vectors of at least `inputs` zeros
  avp_timing *timing;   ///< where to add time, or NULL
} avp_scratch;

/// One convolution over square maps, and where its operands are. Strides are floats between pixels.
typedef struct {
  const float *input;
  float *output;
  const float *weights;   ///< packed for the path
  const float *bias;
  long input_stride, output_stride;
  int images;
  int size;               ///< height and width of the input
  int inputs, outputs;    ///< channels
  int stride;             ///< 1 or 2
  int accumulate;         ///< whether the result is added to what the output holds, before the ReLU
  int relu;               ///< whether negative results become zero
} avp_convolution;

/// The height and width of a convolution's output; its padding is half its kernel.
static inline int avp_output_size(const avp_convolution *convolution) {
  return (convolution->size + convolution->stride - 1) / convolution->stride;
}

/// 3x3 max-pooling with stride 2 from a map of `size` to one of `output_size` pixels a side.
/// `offset` is the window's first row and column relative to twice the output's: -1 with padding 1
/// on every side, 0 without. What of a window lies outside does not count.
typedef struct {
  const float *input;
  float *output;
  long input_stride, output_stride;
  int size, output_size, channels, offset;
} avp_max_pool;

/// The kernels of one instruction set. Weights are packed in panels of `panel` output channels
/// (pack.c).
typedef struct {
  int panel;
  /// A 1x1 convolution of stride 1 or 2.
  void (*pointwise)(const avp_convolution *, const avp_scratch *);
  /// A 3x3 convolution of stride 1 or 2 that does not accumulate; its output has at least 2 pixels
  /// a side.
  void (*convolve_3x3)(const avp_convolution *, const avp_scratch *);
  /// conv1 with ReLU on a framed image, and the max-pooling of its output. Of conv1's output
  /// only 4 rows at a time are kept.
  void (*stem)(const avp_convolution *, const avp_max_pool *, const avp_scratch *);
  /// Multiply-adds in registers only; returns the floating-point operations done.
  double (*fma_burst)(long rounds);
} avp_kernels;

/// The kernels that every processor can run.
const avp_kernels *avp_kernels_portable(void);

/// Whether this processor and its operating system have AVX2 and FMA.
int avp_has_avx2(void);
/// Whether they have AVX-512 F, BW, DQ and VL.
int avp_has_avx512(void);

/// Packs a matrix [depth][outputs] in panels: [panel][depth][width], the last panel filled with
/// zeros.
void avp_pack_panels(const float *matrix, int depth, int outputs, int width, float *packed);

/// Transforms the weights [row][column][input][output] of a 3x3 convolution of stride 1 or 2 for
/// Winograd's method and packs the 36 matrices in panels, one after another.
void avp_pack_winograd(
    const float *weights, int inputs, int outputs, int stride, int width, float *packed);

/// What has been added to one class so far.
double avp_class_seconds(const avp_timing *timing, int class);
double avp_class_operations(const avp_timing *timing, int class);

/// Adds to one class.
void avp_add_time(avp_timing *timing, int class, double seconds, double operations);

/// Seconds that the calling thread has had a processor: what other processes take does not count.
double avp_seconds(void);

/// Copies the 7x7 or 3x3 or 1x1 neighbourhood of `count` output pixels of one image, from
/// `first` on, into the rows of a matrix: [count][kernel * kernel * inputs]. For the matrix
/// products of the OpenBLAS path.
void avp_gather_neighbourhoods(
    const avp_convolution *convolution, int kernel, int first, int count, float *matrix);

/// The same for conv1, whose input is the padded image: 7 rows of 21 floats a pixel.
void avp_gather_stem(const avp_convolution *convolution, int first, int count, float *matrix);

/// Adds the bias to `count` pixels and applies the ReLU (if asked).
void avp_finish_pixels(const avp_convolution *convolution, long first, long count);

/// Copies an image of `size` x `size` x 3 floats into the middle of a frame of 3 zero pixels.
void avp_frame_image(const float *image, int size, float *framed);

/// 3x3 max-pooling of one map, for the OpenBLAS path; a NaN in a window stays a NaN.
void avp_pool_maxima(const avp_max_pool *pool);

/// Means over `pixels` pixels of every channel.
void avp_channel_means(const float *map, int pixels, long stride, int channels, float *means);

// The int8 backbone has kernels of its own.
#include "integers.h"

#endif
