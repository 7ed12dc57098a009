#include "similarity.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

/* Vectors of 16 bytes, which every supported processor has; wider ones would give the same bits. */
typedef float float4 __attribute__((ext_vector_type(4)));

static inline float4 load(const float *from) {
  float4 value;
  memcpy(&value, from, sizeof value);
  return value;
}

/* A tile of products: its sums stay in registers, and each number that is read serves several of them.
 * The heights and widths are constants wherever it is called. */
static inline __attribute__((always_inline)) void tile(
  const float *rows, const float *columns, int64_t width, float *products, int64_t column_count,
  int height, int length) {
  float4 sums[4][2] = {0};
  for (int64_t index = 0; index < width; index += 4) {
    for (int row = 0; row < height; row++) {
      float4 value = load(rows + row * width + index);
      for (int column = 0; column < length; column++)
        sums[row][column] += value * load(columns + column * width + index);
    }
  }
  for (int row = 0; row < height; row++)
    for (int column = 0; column < length; column++) {
      float4 sum = sums[row][column];
      products[row * column_count + column] = (sum.x + sum.z) + (sum.y + sum.w);
    }
}

void similarity_products(
  const float *rows, int64_t row_count, const float *columns, int64_t column_count, int64_t width,
  float *products) {
  int64_t row = 0;
  for (; row + 4 <= row_count; row += 4) {
    const float *those = rows + row * width;
    float *line = products + row * column_count;
    int64_t column = 0;
    for (; column + 2 <= column_count; column += 2)
      tile(those, columns + column * width, width, line + column, column_count, 4, 2);
    if (column < column_count)
      tile(those, columns + column * width, width, line + column, column_count, 4, 1);
  }
  for (; row < row_count; row++)
    for (int64_t column = 0; column < column_count; column++)
      tile(
        rows + row * width, columns + column * width, width,
        products + row * column_count + column, column_count, 1, 1);
}
