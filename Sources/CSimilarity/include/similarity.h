#ifndef SIMILARITY_H
#define SIMILARITY_H

#include <stdint.h>

/* The dot products of each of some vectors with each of others, all of `width` floats one behind the
 * other; `width` is a multiple of 4. products[row * column_count + column] is set.
 *
 * A product is the sum of four partial sums, of every fourth term each, in one fixed order and with every
 * operation rounded on its own: the same bits on every processor of an architecture, and whatever other
 * vectors are in the call. */
void similarity_products(
  const float *rows, int64_t row_count, const float *columns, int64_t column_count, int64_t width,
  float *products);

#endif
