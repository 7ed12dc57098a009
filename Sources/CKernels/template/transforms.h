// One-dimensional Winograd transforms. A two-dimensional one applies them to columns, then to rows.
//
// A tile of `side` outputs is computed from its inputs d by y = A (U * (B d)), where U are the
// transformed weights and * is the product per slot. Interpolation points and the weights'
// transform are the same for all sides, so that tiles of 3 and 2 outputs at a map's edge use the
// weights of the tiles of 4 and skip slots. The weights' transforms are in pack.c.
#include "vector.h"

/// Which transform.
typedef enum {
  STRIDE_1,  ///< F(4, 3): 3 taps, stride 1 (Lavin and Gray, "Fast Algorithms for Convolutional
             ///< Neural Networks", CVPR 2016); points 0, 1, -1, 2, -2, infinity
  STRIDE_2,  ///< F(4, 2) on the odd inputs for the outer taps, points 0, 1, -1, 2, infinity; and
             ///< the even inputs as they are, for the middle tap
} transform_kind;

/// Slots a side.
INLINE int slot_count(const transform_kind kind) { return kind == STRIDE_1 ? 6 : 9; }

/// Inputs a side that a tile of `side` outputs needs.
INLINE int reach(const transform_kind kind, const int side) {
  return kind == STRIDE_1 ? side + 2 : 2 * side + 1;
}

/// Whether a tile of `side` outputs uses a slot.
INLINE int is_used(const transform_kind kind, const int side, const int slot) {
  if (side == 4) return 1;
  if (kind == STRIDE_1) return side == 3 ? slot != 4 : slot != 3 && slot != 4;
  return side == 3 ? slot != 3 && slot != 8
                   : slot != 2 && slot != 3 && slot != 7 && slot != 8;
}

/// The row of the weights' transform that a slot is multiplied with.
INLINE int weight_row(const transform_kind kind, const int slot) {
  return kind == STRIDE_2 && slot > 5 ? 5 : slot;
}

INLINE void inputs_stride_1(const int side, const vector *d, vector *t) {
  if (side == 4) {
    const vector even = d[4] - 4.0f * d[2], odd = d[3] - 4.0f * d[1];
    const vector even2 = d[4] - d[2], odd2 = d[3] - d[1];
    t[0] = 4.0f * d[0] + (d[4] - 5.0f * d[2]);
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = 2.0f * odd2 + even2;
    t[4] = even2 - 2.0f * odd2;
    t[5] = 4.0f * d[1] + (d[5] - 5.0f * d[3]);
  } else if (side == 3) {
    const vector odd = d[3] - d[1];
    t[0] = 2.0f * (2.0f * (d[0] - d[2]) + odd);
    t[1] = 3.0f * ((d[3] - d[2]) - 2.0f * d[1]);
    t[2] = 2.0f * d[1] + (d[3] - 3.0f * d[2]);
    t[3] = 4.0f * odd;
    t[5] = (d[4] - d[2]) - 2.0f * odd;
  } else {
    t[0] = 4.0f * (d[0] - d[2]);
    t[1] = -3.0f * (d[1] + d[2]);
    t[2] = 3.0f * (d[1] - d[2]);
    t[5] = d[3] - d[1];
  }
}

INLINE void outputs_stride_1(const int side, const vector *m, vector *y) {
  const vector sum = m[1] + m[2], difference = m[1] - m[2];
  if (side == 4) {
    const vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    y[0] = (m[0] + sum) + sum2;
    y[1] = 2.0f * difference2 + difference;
    y[2] = 4.0f * sum2 + sum;
    y[3] = (8.0f * difference2 + difference) + m[5];
  } else if (side == 3) {
    y[0] = (m[0] + sum) + m[3];
    y[1] = 2.0f * m[3] + difference;
    y[2] = (4.0f * m[3] + sum) + m[5];
  } else {
    y[0] = m[0] + sum;
    y[1] = difference + m[5];
  }
}

INLINE void inputs_stride_2(const int side, const vector *d, vector *t) {
  if (side == 4) {
    const vector ends = d[6] - d[2], upper = d[6] - d[4];
    t[0] = 2.0f * (d[0] - d[4]) + ends;
    t[1] = upper - 2.0f * d[2];
    t[2] = 2.0f * (d[2] - d[4]) + upper;
    t[3] = ends;
    t[4] = (d[8] - d[4]) - 2.0f * ends;
  } else if (side == 3) {
    t[0] = 2.0f * (d[0] - d[4]);
    t[1] = -1.0f * (d[2] + d[4]);
    t[2] = 3.0f * (d[2] - d[4]);
    t[4] = d[6] - d[2];
  } else {
    t[0] = 2.0f * (d[0] - d[2]);
    t[1] = -2.0f * d[2];
    t[4] = d[4] - d[2];
  }
  UNROLLED for (int i = 0; i < side; i++) t[5 + i] = d[2 * i + 1];
}

INLINE void outputs_stride_2(const int side, const vector *m, vector *y) {
  if (side == 4) {
    const vector sum = m[1] + m[2], difference = m[1] - m[2];
    y[0] = (m[0] + m[5]) + (sum + m[3]);
    y[1] = 2.0f * m[3] + (difference + m[6]);
    y[2] = 4.0f * m[3] + (sum + m[7]);
    y[3] = 8.0f * m[3] + ((difference + m[4]) + m[8]);
  } else if (side == 3) {
    const vector sum = m[1] + m[2], difference = m[1] - m[2];
    y[0] = m[0] + (sum + m[5]);
    y[1] = difference + m[6];
    y[2] = sum + (m[4] + m[7]);
  } else {
    y[0] = m[0] + (m[1] + m[5]);
    y[1] = m[1] + (m[4] + m[6]);
  }
}

INLINE void transform_inputs(
    const transform_kind kind, const int side, const vector *d, vector *t) {
  if (kind == STRIDE_1) inputs_stride_1(side, d, t); else inputs_stride_2(side, d, t);
}

INLINE void transform_outputs(
    const transform_kind kind, const int side, const vector *m, vector *y) {
  if (kind == STRIDE_1) outputs_stride_1(side, m, y); else outputs_stride_2(side, m, y);
}

/// Transforms the inputs of a tile of `height` x `width` outputs.
///
/// `pixels` are the tile's input pixels row by row; slot (i, j) of channel 0 goes to
/// `out[(i * slots + j) * slot_stride]`.
INLINE void transform_input_tile(
    const transform_kind kind, const int height, const int width, const float *const *pixels,
    int channels, float *out, long slot_stride) {
  const int slots = slot_count(kind), rows = reach(kind, height), columns = reach(kind, width);
  for (int c = 0; c < channels; c += VECTOR_WIDTH) {
    vector half[9][9];
    UNROLLED for (int j = 0; j < columns; j++) {
      vector d[9], t[9];
      UNROLLED for (int i = 0; i < rows; i++) d[i] = load(pixels[i * columns + j] + c);
      transform_inputs(kind, height, d, t);
      UNROLLED for (int i = 0; i < slots; i++) if (is_used(kind, height, i)) half[i][j] = t[i];
    }
    UNROLLED for (int i = 0; i < slots; i++) {
      if (!is_used(kind, height, i)) continue;
      vector t[9];
      transform_inputs(kind, width, half[i], t);
      UNROLLED for (int j = 0; j < slots; j++)
        if (is_used(kind, width, j)) store(out + (i * slots + j) * slot_stride + c, t[j]);
    }
  }
}

/// Transforms products back to a tile of `height` x `width` outputs, adds the bias, applies the
/// ReLU.
///
/// `products[i * slots + j]` is where slot (i, j) of channel 0 is.
INLINE void transform_output_tile(
    const transform_kind kind, const int height, const int width, const float *const *products,
    int channels, const float *bias, int relu, float *out, long row_stride, long pixel_stride) {
  const int slots = slot_count(kind);
  for (int c = 0; c < channels; c += VECTOR_WIDTH) {
    vector half[4][9];
    UNROLLED for (int j = 0; j < slots; j++) {
      if (!is_used(kind, width, j)) continue;
      vector m[9], y[4];
      UNROLLED for (int i = 0; i < slots; i++)
        if (is_used(kind, height, i)) m[i] = load(products[i * slots + j] + c);
      transform_outputs(kind, height, m, y);
      UNROLLED for (int i = 0; i < height; i++) half[i][j] = y[i];
    }
    const vector offset = load(bias + c);
    UNROLLED for (int i = 0; i < height; i++) {
      vector y[4];
      transform_outputs(kind, width, half[i], y);
      UNROLLED for (int j = 0; j < width; j++) {
        const vector sum = y[j] + offset;
        store(out + i * row_stride + j * pixel_stride + c, relu ? positive(sum) : sum);
      }
    }
  }
}
