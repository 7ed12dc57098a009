#ifndef HEAD_H
#define HEAD_H

#include <stdbool.h>
#include <stdint.h>

/* Arithmetic of the trained head: linear, ReLU, linear, softmax cross-entropy, and its optimizers.
 *
 * Every function computes in one fixed order with IEEE operations that are rounded on their own (no
 * fused multiply-add, no library mathematics), so the results are the same bits on every processor of
 * an architecture, whatever its vector width, and a sample's results never depend on its neighbours. */

/* The widths of the head. Its parameters lie in one array, each tensor row-major:
 * first weight [hidden, features], first bias [hidden], last weight [classes, hidden],
 * last bias [classes]. Without hidden units it is one linear layer: weight [classes, features] and
 * bias. */
typedef struct {
  int64_t features, hidden, classes;
} head_shape;

/* Fixed-point scales: a gradient element is counted in units of 2^-40, a loss in units of 2^-32. */
#define HEAD_GRADIENT_SCALE 0x1p40
#define HEAD_LOSS_SCALE 0x1p32

/* The most samples that one call of head_accumulate takes. */
#define HEAD_BLOCK 32

/* What stands in a vector of sums behind the gradient. */
enum { HEAD_SUM_LOSS, HEAD_SUM_CORRECT, HEAD_SUM_COUNT, HEAD_SUM_FAULTS, HEAD_SUM_FIELDS };

/* The largest magnitudes, in fixed-point units, that one sample may add. */
typedef struct {
  double gradient, loss;
} head_limits;

/* What is minimised: cross-entropy to a target of 1 - smoothing + smoothing / classes for the label
 * and smoothing / classes for the others, times the label's weight; no weights count as 1. */
typedef struct {
  double smoothing;
  const double *class_weights;
} head_loss;

/* A sample that is mixed with another one: its own label has this share of the loss, from 0 to 1, the
 * other one's label the rest. */
typedef struct {
  int64_t other;
  double share;
} head_mix;

/* Hidden activations [count, hidden] and logits [count, classes] of inputs [count, features]. mask
 * [count, hidden], if any, multiplies the activations. */
void head_forward(
  head_shape shape, const float *parameters, const float *inputs, int64_t count, const float *mask,
  float *activations, double *logits);

/* Softmax cross-entropy of one sample: the return value is the loss -log p[label]; probabilities
 * [classes] and the position of the largest logit (the first of equal ones) are stored. */
double head_cross_entropy(
  const double *logits, int64_t classes, int64_t label, double *probabilities, int64_t *predicted);

/* Adds one evaluated sample to the HEAD_SUM_FIELDS sums. */
void head_tally(
  const double *logits, int64_t classes, int64_t label, double loss_limit, double *probabilities,
  int64_t *sums);

/* Adds the fixed-point gradients of count <= HEAD_BLOCK samples to sums [parameters +
 * HEAD_SUM_FIELDS]. A sample that is not finite or passes a limit adds to HEAD_SUM_FAULTS alone.
 * inputs, mask, activations and logits are those of head_forward; mixes [count], if any, says what each
 * sample is mixed with, inputs already are; hidden_gradients [count, hidden] and
 * probabilities [count, classes] are scratch. */
void head_accumulate(
  head_shape shape, const float *parameters, const float *inputs, const float *activations,
  const float *mask, const double *logits, const int64_t *labels, const head_mix *mixes,
  int64_t count, head_loss loss, head_limits limits, double *hidden_gradients, double *probabilities, int64_t *sums);

/* means[i] = sums[i] / divisor, rounded once to float. */
void head_mean(const int64_t *sums, int64_t count, double divisor, float *means);

/* One step of Adam:
 *   g += l2 * p;  m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g * g;
 *   p = decay * p - rate * m / (sqrt(v) * root_scale + epsilon) */
typedef struct {
  double beta1, beta2, l2, decay, rate, root_scale, epsilon;
} head_adam_step;
void head_adam(
  head_adam_step step, int64_t count, const float *gradient, float *parameters, float *first,
  float *second);

/* One step of stochastic gradient descent with momentum:
 *   g += l2 * p;  u = momentum * u + inner * g;  p = p - outer * u */
typedef struct {
  double momentum, l2, inner, outer;
} head_sgd_step;
void head_sgd(
  head_sgd_step step, int64_t count, const float *gradient, float *parameters, float *velocity);

/* Has the long loops computed in vectors of 4, 8 or 16 floats, the widest for 0, for tests; false
 * where the processor has no such vectors. The bits are the same. */
bool head_use_width(int width);

/* e^x to about one unit in the last place; 0 below -708, infinity above 709. */
double head_exp(double x);

/* The natural logarithm of a normal x to about one unit in the last place; NaN for NaN, 0 and less. */
double head_log(double x);

#endif
