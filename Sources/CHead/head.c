#include "head.h"

#include <stdbool.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

/* Vectors of 16 bytes, which every supported processor has; wider ones would give the same bits. */
typedef float float2 __attribute__((ext_vector_type(2)));
typedef float float4 __attribute__((ext_vector_type(4)));
typedef double double2 __attribute__((ext_vector_type(2)));
typedef uint64_t ulong2 __attribute__((ext_vector_type(2)));

/* Adding 1.5 * 2^52 to a number of magnitude up to 2^51 rounds it to a whole number (nearest, ties to
 * even) that stands in the low bits of the sum. */
#define ROUNDER 0x1.8p52
#define ROUNDER_BITS 0x4338000000000000u

static inline float2 load_float2(const float *from) {
  float2 value;
  memcpy(&value, from, sizeof value);
  return value;
}

static inline float4 load_float4(const float *from) {
  float4 value;
  memcpy(&value, from, sizeof value);
  return value;
}

static inline ulong2 load_ulong2(const int64_t *from) {
  ulong2 value;
  memcpy(&value, from, sizeof value);
  return value;
}

static inline void store_float2(float *to, float2 value) { memcpy(to, &value, sizeof value); }

static inline void store_ulong2(int64_t *to, ulong2 value) { memcpy(to, &value, sizeof value); }

static inline double2 widen(float2 value) { return __builtin_convertvector(value, double2); }

static inline float2 narrow(double2 value) { return __builtin_convertvector(value, float2); }

static inline uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The whole number nearest to value, |value| <= 2^51. */
static inline int64_t rounded(double value) {
  return (int64_t)(bits_of(value + ROUNDER) - ROUNDER_BITS);
}

static inline void add(int64_t *sum, int64_t value) {
  *sum = (int64_t)((uint64_t)*sum + (uint64_t)value);
}

// Elementary functions

double head_exp(double x) {
  if (x < -708) return 0;
  if (x > 709) return __builtin_inf();
  if (x != x) return x;
  /* e^x = 2^n e^r with |r| <= log(2) / 2; the high part of log(2) has zeros to make n * high exact. */
  double shifted = x * 0x1.71547652b82fep0 + ROUNDER;
  double n = shifted - ROUNDER;
  double r = x - n * 0x1.62e42fee00000p-1 - n * 0x1.a39ef35793c76p-33;
  double series = 1;
  for (int k = 13; k >= 1; k--) series = 1 + series * (r * (1.0 / k));
  return series * double_of((bits_of(shifted) - ROUNDER_BITS + 1023) << 52);
}

double head_log(double x) {
  if (!(x > 0)) return __builtin_nan("");
  if (x > 0x1.fffffffffffffp1023) return x;
  /* x = 2^n m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)). */
  const uint64_t root_half = 0x3fe6a09e667f3bcdu;
  uint64_t steps = bits_of(x) - root_half;
  int64_t n = (int64_t)steps >> 52;
  double m = double_of(bits_of(x) - ((uint64_t)n << 52));
  double s = (m - 1) / (m + 1);
  double square = s * s;
  double series = 0;
  for (int k = 25; k >= 3; k -= 2) series = (series + 1.0 / k) * square;
  return (double)n * 0x1.62e42fee00000p-1
    + (2 * s + (2 * s * series + (double)n * 0x1.a39ef35793c76p-33));
}

// Forward

/* The inner product in sixteen interleaved partial sums that are added pairwise. */
static float dot(const float *left, const float *right, int64_t count) {
  float4 sums[4] = {0};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (int k = 0; k < 4; k++) {
      sums[k] += load_float4(left + i + 4 * k) * load_float4(right + i + 4 * k);
    }
  }
  float lanes[16];
  memcpy(lanes, sums, sizeof lanes);
  for (int k = 0; i < count; i++, k++) lanes[k] += left[i] * right[i];
  for (int width = 8; width > 0; width /= 2) {
    for (int k = 0; k < width; k++) lanes[k] += lanes[k + width];
  }
  return lanes[0];
}

/* The same in double precision, in four partial sums. */
static double wide_dot(const float *left, const float *right, int64_t count) {
  double lanes[4] = {0};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int k = 0; k < 4; k++) lanes[k] += (double)left[i + k] * (double)right[i + k];
  }
  for (int k = 0; i < count; i++, k++) lanes[k] += (double)left[i] * (double)right[i];
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

void head_forward(
  head_shape shape, const float *parameters, const float *inputs, int64_t count, float *activations,
  double *logits) {
  const float *first_bias = parameters + shape.hidden * shape.features;
  const float *second = first_bias + shape.hidden;
  const float *second_bias = second + shape.classes * shape.hidden;
  for (int64_t j = 0; j < shape.hidden; j++) {
    for (int64_t s = 0; s < count; s++) {
      float sum = dot(parameters + j * shape.features, inputs + s * shape.features, shape.features);
      sum += first_bias[j];
      /* Written so that NaN passes and is noticed in the loss. */
      activations[s * shape.hidden + j] = sum <= 0 ? 0 : sum;
    }
  }
  for (int64_t s = 0; s < count; s++) {
    for (int64_t c = 0; c < shape.classes; c++) {
      logits[s * shape.classes + c] = second_bias[c]
        + wide_dot(second + c * shape.hidden, activations + s * shape.hidden, shape.hidden);
    }
  }
}

double head_cross_entropy(
  const double *logits, int64_t classes, int64_t label, double *probabilities, int64_t *predicted) {
  int64_t best = 0;
  for (int64_t c = 1; c < classes; c++) {
    if (logits[c] > logits[best]) best = c;
  }
  double largest = logits[best];
  double total = 0;
  for (int64_t c = 0; c < classes; c++) {
    probabilities[c] = head_exp(logits[c] - largest);
    total += probabilities[c];
  }
  for (int64_t c = 0; c < classes; c++) probabilities[c] /= total;
  *predicted = best;
  return (largest - logits[label]) + head_log(total);
}

// Exact sums

/* Adds loss, prediction and count, or a fault where the loss is NaN or too large. */
static bool tally(double loss, bool correct, double loss_limit, int64_t *sums) {
  double scaled = loss * HEAD_LOSS_SCALE;
  if (!(scaled <= loss_limit)) return false;
  add(&sums[HEAD_SUM_LOSS], (int64_t)(scaled + 0.5));
  add(&sums[HEAD_SUM_CORRECT], correct);
  add(&sums[HEAD_SUM_COUNT], 1);
  return true;
}

void head_tally(
  const double *logits, int64_t classes, int64_t label, double loss_limit, double *probabilities,
  int64_t *sums) {
  int64_t predicted;
  double loss = head_cross_entropy(logits, classes, label, probabilities, &predicted);
  if (!tally(loss, predicted == label, loss_limit, sums)) add(&sums[HEAD_SUM_FAULTS], 1);
}

/* The largest magnitude; infinities and NaN come out as not finite. */
static float largest_magnitude(const float *values, int64_t count) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    bits &= 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  float value;
  memcpy(&value, &largest, sizeof value);
  return value;
}

/* The loss's derivative by the inputs of the ReLU, in fixed-point units, from the one by the logits;
 * returns its largest magnitude, or NaN, with some gradients missing, where one is NaN. */
static double hidden_gradients(
  head_shape shape, const float *second, const float *activations, const double *logit_gradients,
  double *gradients) {
  double largest = 0;
  for (int64_t j = 0; j < shape.hidden; j++) {
    double gradient = 0;
    if (activations[j] > 0) {
      for (int64_t c = 0; c < shape.classes; c++) {
        gradient += logit_gradients[c] * (double)second[c * shape.hidden + j];
      }
    }
    gradients[j] = gradient;
    double magnitude = gradient < 0 ? -gradient : gradient;
    /* At once: a NaN is not larger than what follows, nor is that larger than it. */
    if (magnitude != magnitude) return magnitude;
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/* Adds round(gradient * input) of all samples to one row of sums. */
static void add_outer_row(
  const float *const *inputs, const double *gradients, int samples, int64_t count, int64_t *sums) {
  /* Each addend carries the rounder's bits, which are taken off at the end, modulo 2^64. */
  const uint64_t excess = (uint64_t)samples * ROUNDER_BITS;
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    ulong2 totals[4];
    for (int k = 0; k < 4; k++) totals[k] = load_ulong2(sums + i + 2 * k) - excess;
    for (int s = 0; s < samples; s++) {
      for (int k = 0; k < 4; k++) {
        double2 product = widen(load_float2(inputs[s] + i + 2 * k)) * gradients[s] + ROUNDER;
        totals[k] += (ulong2)product;
      }
    }
    for (int k = 0; k < 4; k++) store_ulong2(sums + i + 2 * k, totals[k]);
  }
  for (; i < count; i++) {
    for (int s = 0; s < samples; s++) add(&sums[i], rounded((double)inputs[s][i] * gradients[s]));
  }
}

/* Computes one sample's derivatives by both layers' sums, in fixed-point units, and adds its loss to
 * the totals; false, and nothing added, where anything of it does not fit. */
static bool differentiate(
  head_shape shape, const float *second, const float *input, const float *activations,
  const double *logits, int64_t label, head_limits limits, double *gradients,
  double *logit_gradients, int64_t *totals) {
  int64_t predicted;
  double loss = head_cross_entropy(logits, shape.classes, label, logit_gradients, &predicted);
  logit_gradients[label] -= 1;
  for (int64_t c = 0; c < shape.classes; c++) logit_gradients[c] *= HEAD_GRADIENT_SCALE;
  double largest_gradient = hidden_gradients(shape, second, activations, logit_gradients, gradients);
  double largest_input = (double)largest_magnitude(input, shape.features);
  double largest_activation = (double)largest_magnitude(activations, shape.hidden);
  if (largest_input < 1) largest_input = 1;
  if (largest_activation < 1) largest_activation = 1;
  /* No derivative by a logit passes 1, so these two bounds hold for every element. */
  if (!(largest_gradient * largest_input <= limits.gradient)) return false;
  if (!(HEAD_GRADIENT_SCALE * largest_activation <= limits.gradient)) return false;
  return tally(loss, predicted == label, limits.loss, totals);
}

/* Adds the derivatives of one layer: weight [rows, columns] and bias [rows]. The large sums are read
 * and written once for all samples; a gradient of zero, as of a unit that the ReLU switched off, adds
 * nothing. */
static void add_layer(
  const float *inputs, int64_t columns, const double *gradients, int64_t rows, const int64_t *samples,
  int count, int64_t *weight, int64_t *bias) {
  for (int64_t row = 0; row < rows; row++) {
    const float *active_inputs[HEAD_BLOCK];
    double active_gradients[HEAD_BLOCK];
    int active = 0;
    for (int k = 0; k < count; k++) {
      double gradient = gradients[samples[k] * rows + row];
      if (gradient == 0) continue;
      active_inputs[active] = inputs + samples[k] * columns;
      active_gradients[active++] = gradient;
      add(&bias[row], rounded(gradient));
    }
    if (active > 0) {
      add_outer_row(active_inputs, active_gradients, active, columns, weight + row * columns);
    }
  }
}

void head_accumulate(
  head_shape shape, const float *parameters, const float *inputs, const float *activations,
  const double *logits, const int64_t *labels, int64_t count, head_limits limits, double *gradients,
  double *probabilities, int64_t *sums) {
  const float *second = parameters + shape.hidden * (shape.features + 1);
  int64_t *first_bias = sums + shape.hidden * shape.features;
  int64_t *second_weight = first_bias + shape.hidden;
  int64_t *second_bias = second_weight + shape.classes * shape.hidden;
  int64_t *totals = second_bias + shape.classes;
  int64_t whole[HEAD_BLOCK];
  int whole_count = 0;
  for (int64_t s = 0; s < count; s++) {
    bool fits = differentiate(
      shape, second, inputs + s * shape.features, activations + s * shape.hidden,
      logits + s * shape.classes, labels[s], limits, gradients + s * shape.hidden,
      probabilities + s * shape.classes, totals);
    if (fits) {
      whole[whole_count++] = s;
    } else {
      add(&totals[HEAD_SUM_FAULTS], 1);
    }
  }
  add_layer(
    inputs, shape.features, gradients, shape.hidden, whole, whole_count, sums, first_bias);
  add_layer(
    activations, shape.hidden, probabilities, shape.classes, whole, whole_count, second_weight,
    second_bias);
}

void head_mean(const int64_t *sums, int64_t count, double divisor, float *means) {
  for (int64_t i = 0; i < count; i++) means[i] = (float)((double)sums[i] / divisor);
}

// Optimizers: double arithmetic on float state, two elements at a time

static inline void adam_pair(
  const head_adam_step *step, const float *gradient, float *parameters, float *first,
  float *second) {
  double2 p = widen(load_float2(parameters));
  double2 g = widen(load_float2(gradient)) + step->l2 * p;
  double2 m = step->beta1 * widen(load_float2(first)) + (1 - step->beta1) * g;
  double2 v = step->beta2 * widen(load_float2(second)) + (1 - step->beta2) * (g * g);
  double2 root = __builtin_elementwise_sqrt(v) * step->root_scale + step->epsilon;
  p = step->decay * p - step->rate * m / root;
  store_float2(parameters, narrow(p));
  store_float2(first, narrow(m));
  store_float2(second, narrow(v));
}

void head_adam(
  head_adam_step step, int64_t count, const float *gradient, float *parameters, float *first,
  float *second) {
  int64_t i = 0;
  for (; i + 2 <= count; i += 2) {
    adam_pair(&step, gradient + i, parameters + i, first + i, second + i);
  }
  if (i == count) return;
  float g[2] = {gradient[i]}, p[2] = {parameters[i]}, m[2] = {first[i]}, v[2] = {second[i]};
  adam_pair(&step, g, p, m, v);
  parameters[i] = p[0];
  first[i] = m[0];
  second[i] = v[0];
}

void head_sgd(
  head_sgd_step step, int64_t count, const float *gradient, float *parameters, float *velocity) {
  for (int64_t i = 0; i < count; i++) {
    double p = (double)parameters[i];
    double g = (double)gradient[i] + step.l2 * p;
    double u = step.momentum * (double)velocity[i] + step.inner * g;
    parameters[i] = (float)(p - step.outer * u);
    velocity[i] = (float)u;
  }
}
