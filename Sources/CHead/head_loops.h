/* The long loops of the head, in vectors of LANES floats; included once for each width.
 *
 * Every element is computed by the same operations in the same order whatever LANES is (see head.h),
 * so the width shows in the time alone. NAME(f) is the name of f in this width. */

typedef float NAME(floats) __attribute__((ext_vector_type(LANES)));
typedef float NAME(narrow) __attribute__((ext_vector_type(LANES / 2)));
typedef double NAME(doubles) __attribute__((ext_vector_type(LANES / 2)));
typedef uint64_t NAME(words) __attribute__((ext_vector_type(LANES / 2)));

#define HALF (LANES / 2)
#define LOAD(vector, from) memcpy(&(vector), from, sizeof(vector))
#define STORE(to, vector) memcpy(to, &(vector), sizeof(vector))
#define WIDEN(vector) __builtin_convertvector(vector, NAME(doubles))
#define NARROW(vector) __builtin_convertvector(vector, NAME(narrow))

/* sums[r][s] = the inner product of row r and sample s, each in sixteen interleaved partial sums that
 * are added pairwise. */
static inline __attribute__((always_inline)) void NAME(tile)(
  const float *rows, const float *samples, int64_t count, int row_count, int sample_count,
  float sums[2][4]) {
  float lanes[2][4][16];
  int64_t whole = count / 16 * 16;
  for (int part = 0; part < 16; part += LANES) {
    NAME(floats) totals[2][4];
    for (int r = 0; r < row_count; r++) {
      for (int s = 0; s < sample_count; s++) totals[r][s] = 0;
    }
    for (int64_t i = part; i < whole; i += 16) {
      NAME(floats) left[2], right[4];
      for (int r = 0; r < row_count; r++) LOAD(left[r], rows + r * count + i);
      for (int s = 0; s < sample_count; s++) LOAD(right[s], samples + s * count + i);
      for (int r = 0; r < row_count; r++) {
        for (int s = 0; s < sample_count; s++) totals[r][s] += left[r] * right[s];
      }
    }
    for (int r = 0; r < row_count; r++) {
      for (int s = 0; s < sample_count; s++) STORE(lanes[r][s] + part, totals[r][s]);
    }
  }
  for (int r = 0; r < row_count; r++) {
    for (int s = 0; s < sample_count; s++) {
      float *lane = lanes[r][s];
      for (int64_t i = whole; i < count; i++) {
        lane[i - whole] += rows[r * count + i] * samples[s * count + i];
      }
      for (int k = 0; k < 8; k++) lane[k] += lane[k + 8];
      for (int k = 0; k < 4; k++) lane[k] += lane[k + 4];
      sums[r][s] = (lane[0] + lane[2]) + (lane[1] + lane[3]);
    }
  }
}

/* products[s * row_count + r] = the inner product of row r and sample s. */
static void NAME(products)(
  const float *rows, int64_t row_count, const float *samples, int64_t sample_count, int64_t count,
  float *products) {
  for (int64_t r = 0; r < row_count; r += 2) {
    int height = row_count - r < 2 ? 1 : 2;
    const float *row = rows + r * count;
    for (int64_t s = 0; s < sample_count; s += 4) {
      int width = sample_count - s < 4 ? (int)(sample_count - s) : 4;
      const float *sample = samples + s * count;
      float sums[2][4];
      /* Constant sizes, so that the sums stay in registers. */
      switch (height * 8 + width) {
      case 20: NAME(tile)(row, sample, count, 2, 4, sums); break;
      case 19: NAME(tile)(row, sample, count, 2, 3, sums); break;
      case 18: NAME(tile)(row, sample, count, 2, 2, sums); break;
      case 17: NAME(tile)(row, sample, count, 2, 1, sums); break;
      case 12: NAME(tile)(row, sample, count, 1, 4, sums); break;
      case 11: NAME(tile)(row, sample, count, 1, 3, sums); break;
      case 10: NAME(tile)(row, sample, count, 1, 2, sums); break;
      default: NAME(tile)(row, sample, count, 1, 1, sums); break;
      }
      for (int k = 0; k < width; k++) {
        for (int j = 0; j < height; j++) products[(s + k) * row_count + r + j] = sums[j][k];
      }
    }
  }
}

/* Adds round(gradient * input) of all samples to one row of sums. */
static void NAME(add_outer_row)(
  const float *const *inputs, const double *gradients, int samples, int64_t count, int64_t *sums) {
  /* Each addend carries the rounder's bits, which are taken off at the end, modulo 2^64. */
  const uint64_t excess = (uint64_t)samples * ROUNDER_BITS;
  int64_t i = 0;
  for (; i + 4 * HALF <= count; i += 4 * HALF) {
    NAME(words) totals[4];
    for (int k = 0; k < 4; k++) {
      LOAD(totals[k], sums + i + HALF * k);
      totals[k] -= excess;
    }
    for (int s = 0; s < samples; s++) {
      for (int k = 0; k < 4; k++) {
        NAME(narrow) input;
        LOAD(input, inputs[s] + i + HALF * k);
        NAME(doubles) product = WIDEN(input) * gradients[s] + ROUNDER;
        totals[k] += (NAME(words))product;
      }
    }
    for (int k = 0; k < 4; k++) STORE(sums + i + HALF * k, totals[k]);
  }
  for (; i < count; i++) {
    for (int s = 0; s < samples; s++) add(&sums[i], rounded((double)inputs[s][i] * gradients[s]));
  }
}

static inline __attribute__((always_inline)) void NAME(adam_part)(
  const head_adam_step *step, const float *gradient, float *parameters, float *first,
  float *second) {
  NAME(narrow) gradient_part, parameter_part, first_part, second_part;
  LOAD(gradient_part, gradient);
  LOAD(parameter_part, parameters);
  LOAD(first_part, first);
  LOAD(second_part, second);
  NAME(doubles) p = WIDEN(parameter_part);
  NAME(doubles) g = WIDEN(gradient_part) + step->l2 * p;
  NAME(doubles) m = step->beta1 * WIDEN(first_part) + (1 - step->beta1) * g;
  NAME(doubles) v = step->beta2 * WIDEN(second_part) + (1 - step->beta2) * (g * g);
  NAME(doubles) root = __builtin_elementwise_sqrt(v) * step->root_scale + step->epsilon;
  p = step->decay * p - step->rate * m / root;
  parameter_part = NARROW(p);
  first_part = NARROW(m);
  second_part = NARROW(v);
  STORE(parameters, parameter_part);
  STORE(first, first_part);
  STORE(second, second_part);
}

static void NAME(adam)(
  const head_adam_step *step, int64_t count, const float *gradient, float *parameters, float *first,
  float *second) {
  int64_t i = 0;
  for (; i + HALF <= count; i += HALF) {
    NAME(adam_part)(step, gradient + i, parameters + i, first + i, second + i);
  }
  if (i == count) return;
  float g[HALF] = {0}, p[HALF] = {0}, m[HALF] = {0}, v[HALF] = {0};
  size_t rest = (size_t)(count - i) * sizeof(float);
  memcpy(g, gradient + i, rest);
  memcpy(p, parameters + i, rest);
  memcpy(m, first + i, rest);
  memcpy(v, second + i, rest);
  NAME(adam_part)(step, g, p, m, v);
  memcpy(parameters + i, p, rest);
  memcpy(first + i, m, rest);
  memcpy(second + i, v, rest);
}

static void NAME(mean)(const int64_t *sums, int64_t count, double divisor, float *means) {
  for (int64_t i = 0; i < count; i++) means[i] = (float)((double)sums[i] / divisor);
}

static const loops NAME(loops) = {
  NAME(products), NAME(add_outer_row), NAME(adam), NAME(mean)};

#undef HALF
#undef LOAD
#undef STORE
#undef WIDEN
#undef NARROW
#undef NAME
#undef LANES
