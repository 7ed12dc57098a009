#include "head.h"

#include <stdbool.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

/* Adding 1.5 * 2^52 to a number of magnitude up to 2^51 rounds it to a whole number (nearest, ties to
 * even) that stands in the low bits of the sum. */
#define ROUNDER 0x1.8p52
#define ROUNDER_BITS 0x4338000000000000u

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

// The long loops, for each width of vectors

typedef struct {
  void (*products)(
    const float *rows, int64_t row_count, const float *samples, int64_t sample_count, int64_t count,
    float *products);
  void (*add_outer_row)(
    const float *const *inputs, const double *gradients, int samples, int64_t count, int64_t *sums);
  void (*adam)(
    const head_adam_step *step, int64_t count, const float *gradient, float *parameters,
    float *first, float *second);
  void (*mean)(const int64_t *sums, int64_t count, double divisor, float *means);
} loops;

#if defined(__x86_64__)
#pragma clang attribute push(                                                                      \
  __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#define LANES 16
#define NAME(f) f##_512
#include "head_loops.h"
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define LANES 8
#define NAME(f) f##_256
#include "head_loops.h"
#pragma clang attribute pop
#endif
#define LANES 4
#define NAME(f) f##_128
#include "head_loops.h"

/* The widest loops that the processor has. */
static const loops *widest(void) {
#if defined(__x86_64__)
  if (
    __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
    && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return &loops_512;
  }
  if (__builtin_cpu_supports("avx2")) return &loops_256;
#endif
  return &loops_128;
}

/* Those of a width in floats, for tests; the widest for 0, none where the processor lacks them. */
static const loops *of_width(int width) {
#if defined(__x86_64__)
  if (width == 16) return widest() == &loops_512 ? &loops_512 : NULL;
  if (width == 8) return widest() == &loops_128 ? NULL : &loops_256;
#endif
  return width == 4 ? &loops_128 : width == 0 ? widest() : NULL;
}

static const loops *chosen;

static inline const loops *current(void) {
  const loops *found = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  return found ? found : widest();
}

bool head_use_width(int width) {
  const loops *found = of_width(width);
  if (found) __atomic_store_n(&chosen, found, __ATOMIC_RELAXED);
  return found != NULL;
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

/* How many numbers the last layer takes: the hidden units, or the features where there are none. */
static inline int64_t last_width(head_shape shape) {
  return shape.hidden > 0 ? shape.hidden : shape.features;
}

/* Where the last layer begins among the parameters. */
static inline int64_t last_layer(head_shape shape) { return shape.hidden * (shape.features + 1); }

/* The inner product in double precision, in four partial sums. */
static double wide_dot(const float *left, const float *right, int64_t count) {
  double lanes[4] = {0};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int k = 0; k < 4; k++) lanes[k] += (double)left[i + k] * (double)right[i + k];
  }
  for (int k = 0; i < count; i++, k++) lanes[k] += (double)left[i] * (double)right[i];
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/* The activations of the hidden layer [count, hidden]. */
static void hidden_activations(
  head_shape shape, const float *parameters, const float *inputs, int64_t count, const float *mask,
  float *activations) {
  const float *bias = parameters + shape.hidden * shape.features;
  current()->products(
    parameters, shape.hidden, inputs, count, shape.features, activations);
  for (int64_t s = 0; s < count; s++) {
    for (int64_t j = 0; j < shape.hidden; j++) {
      float sum = activations[s * shape.hidden + j] + bias[j];
      /* Written so that NaN passes and is noticed in the loss. */
      activations[s * shape.hidden + j] = sum <= 0 ? 0 : sum;
    }
  }
  for (int64_t i = 0; mask && i < count * shape.hidden; i++) activations[i] *= mask[i];
}

void head_forward(
  head_shape shape, const float *parameters, const float *inputs, int64_t count, const float *mask,
  float *activations, double *logits) {
  if (shape.hidden > 0) {
    hidden_activations(shape, parameters, inputs, count, mask, activations);
  }
  const float *last_inputs = shape.hidden > 0 ? activations : inputs;
  int64_t width = last_width(shape);
  const float *weight = parameters + last_layer(shape);
  const float *bias = weight + shape.classes * width;
  for (int64_t s = 0; s < count; s++) {
    for (int64_t c = 0; c < shape.classes; c++) {
      logits[s * shape.classes + c] =
        bias[c] + wide_dot(weight + c * width, last_inputs + s * width, width);
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
  head_shape shape, const float *second, const float *activations, const float *mask,
  const double *logit_gradients, double *gradients) {
  double largest = 0;
  for (int64_t j = 0; j < shape.hidden; j++) {
    double gradient = 0;
    if (activations[j] > 0) {
      for (int64_t c = 0; c < shape.classes; c++) {
        gradient += logit_gradients[c] * (double)second[c * shape.hidden + j];
      }
      if (mask) gradient *= (double)mask[j];
    }
    gradients[j] = gradient;
    double magnitude = gradient < 0 ? -gradient : gradient;
    /* At once: a NaN is not larger than what follows, nor is that larger than it. */
    if (magnitude != magnitude) return magnitude;
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

static inline double class_weight(head_loss loss, int64_t label) {
  return loss.class_weights ? loss.class_weights[label] : 1;
}

/* The loss of one sample by its smoothed target, from its cross-entropy and probabilities; stores the
 * derivatives by the logits in fixed-point units instead of the probabilities. */
static double differentiate_loss(
  const double *logits, int64_t classes, int64_t label, const head_mix *mix, head_loss loss,
  double cross_entropy, double *probabilities) {
  double weight = class_weight(loss, label);
  double other = 0;
  if (mix) {
    weight *= mix->share;
    other = class_weight(loss, mix->other) * (1 - mix->share);
  }
  double smooth = loss.smoothing / (double)classes;
  double spread = 0;
  for (int64_t c = 0; c < classes; c++) {
    double target = c == label ? (1 - loss.smoothing) + smooth : smooth;
    double derivative = (probabilities[c] - target) * (weight * HEAD_GRADIENT_SCALE);
    if (mix) {
      target = c == mix->other ? (1 - loss.smoothing) + smooth : smooth;
      derivative += (probabilities[c] - target) * (other * HEAD_GRADIENT_SCALE);
    }
    probabilities[c] = derivative;
    spread += (logits[label] - logits[c]) * smooth;
  }
  /* -log p[c] is that of the label and the difference of the logits. */
  double value = weight * (cross_entropy + spread);
  if (!mix) return value;
  double difference = (logits[label] - logits[mix->other]) * (1 - loss.smoothing);
  return value + other * (cross_entropy + spread + difference);
}

/* Computes one sample's derivatives by both layers' sums, in fixed-point units, and adds its loss to
 * the totals; false, and nothing added, where anything of it does not fit. */
static bool differentiate(
  head_shape shape, const float *last, const float *input, const float *activations,
  const float *mask, const double *logits, int64_t label, const head_mix *mix, head_loss loss,
  head_limits limits, double *gradients, double *logit_gradients, int64_t *totals) {
  int64_t predicted;
  double value = head_cross_entropy(logits, shape.classes, label, logit_gradients, &predicted);
  value = differentiate_loss(logits, shape.classes, label, mix, loss, value, logit_gradients);
  double weight = class_weight(loss, label);
  if (mix && weight < class_weight(loss, mix->other)) weight = class_weight(loss, mix->other);
  if (weight < 1) weight = 1;
  double largest_input = (double)largest_magnitude(input, shape.features);
  if (largest_input < 1) largest_input = 1;
  double largest_last = largest_input;
  if (shape.hidden > 0) {
    double largest_gradient =
      hidden_gradients(shape, last, activations, mask, logit_gradients, gradients);
    if (!(largest_gradient * largest_input <= limits.gradient)) return false;
    largest_last = (double)largest_magnitude(activations, shape.hidden);
    if (largest_last < 1) largest_last = 1;
  }
  /* No derivative by a logit passes the weight, so this bound holds for every element. */
  if (!(weight * HEAD_GRADIENT_SCALE * largest_last <= limits.gradient)) return false;
  return tally(value, predicted == label, limits.loss, totals);
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
      current()->add_outer_row(
        active_inputs, active_gradients, active, columns, weight + row * columns);
    }
  }
}

void head_accumulate(
  head_shape shape, const float *parameters, const float *inputs, const float *activations,
  const float *mask, const double *logits, const int64_t *labels, const head_mix *mixes,
  int64_t count, head_loss loss, head_limits limits, double *gradients, double *probabilities,
  int64_t *sums) {
  int64_t width = last_width(shape);
  int64_t start = last_layer(shape);
  int64_t *weight = sums + start;
  int64_t *bias = weight + shape.classes * width;
  int64_t *totals = bias + shape.classes;
  int64_t whole[HEAD_BLOCK];
  int whole_count = 0;
  for (int64_t s = 0; s < count; s++) {
    bool fits = differentiate(
      shape, parameters + start, inputs + s * shape.features, activations + s * shape.hidden,
      mask ? mask + s * shape.hidden : NULL, logits + s * shape.classes, labels[s],
      mixes ? mixes + s : NULL, loss, limits, gradients + s * shape.hidden, probabilities + s * shape.classes, totals);
    if (fits) {
      whole[whole_count++] = s;
    } else {
      add(&totals[HEAD_SUM_FAULTS], 1);
    }
  }
  if (shape.hidden > 0) {
    add_layer(
      inputs, shape.features, gradients, shape.hidden, whole, whole_count, sums,
      sums + shape.hidden * shape.features);
  }
  add_layer(
    shape.hidden > 0 ? activations : inputs, width, probabilities, shape.classes, whole,
    whole_count, weight, bias);
}

void head_mean(const int64_t *sums, int64_t count, double divisor, float *means) {
  current()->mean(sums, count, divisor, means);
}

// Optimizers: double arithmetic on float state

void head_adam(
  head_adam_step step, int64_t count, const float *gradient, float *parameters, float *first,
  float *second) {
  current()->adam(&step, count, gradient, parameters, first, second);
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
