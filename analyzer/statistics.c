/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/statistics.h"

#include <math.h>

#include "base/base.h"

#define BOOTSTRAP_ROUNDS 1000
#define BOOTSTRAP_SEED UINT64_C(0x9e3779b97f4a7c15)

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_sorted(const uint64_t *sorted, size_t n)
{
    if (n % 2)
        return (double)sorted[n / 2];
    return ((double)sorted[n / 2 - 1] + (double)sorted[n / 2]) / 2.0;
}

static int sorted_copy(const uint64_t *samples, size_t n, uint64_t **ret_copy)
{
    uint64_t *copy = malloc(n * sizeof(*copy));

    if (!copy)
        return -ENOMEM;
    memcpy(copy, samples, n * sizeof(*copy));
    qsort(copy, n, sizeof(*copy), compare_u64);
    *ret_copy = copy;
    return 0;
}

double statistics_median(const uint64_t *samples, size_t n)
{
    AUTO_FREE uint64_t *sorted = NULL;

    if (n == 0 || sorted_copy(samples, n, &sorted) < 0)
        return 0.0;
    return median_sorted(sorted, n);
}

/*
 * Largest rank r (0-based, from both ends) such that [x_r, x_(n-1-r)] still covers the median with 95 %:
 * P(Binomial(n, 1/2) <= r) <= 0.025. For n < 6 even the full range covers less; then 0.
 */
static size_t interval_rank(size_t n)
{
    double term = pow(0.5, (double)n), sum = term;
    size_t rank = 0;

    /* pow() underflows for huge n: there the normal approximation is exact enough. */
    if (n > 1000)
        return (size_t)((double)n / 2.0 - 0.98 * sqrt((double)n));
    for (size_t k = 1; k < n / 2; k++) {
        term *= (double)(n - k + 1) / (double)k;
        sum += term;
        if (sum > 0.025)
            break;
        rank = k;
    }
    return rank;
}

int statistics_estimate(const uint64_t *samples, size_t n, struct statistics_estimate *ret)
{
    AUTO_FREE uint64_t *sorted = NULL;
    size_t rank;
    int r;

    if (n == 0)
        return -EINVAL;
    r = sorted_copy(samples, n, &sorted);
    if (r < 0)
        return r;
    rank = interval_rank(n);
    ret->value = median_sorted(sorted, n);
    ret->low = (double)sorted[rank];
    ret->high = (double)sorted[n - 1 - rank];
    return 0;
}

/* xorshift64*: Vigna 2016. Deterministic by design. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Median of n picks; `picks` chooses the samples, modulo their number. */
static double resampled_median(const uint64_t *samples, size_t n, const size_t *picks, uint64_t *scratch)
{
    for (size_t i = 0; i < n; i++)
        scratch[i] = samples[picks[i] % n];
    qsort(scratch, n, sizeof(*scratch), compare_u64);
    return median_sorted(scratch, n);
}

static void draw(size_t *picks, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i++)
        picks[i] = (size_t)(random_next(state) >> 16);
}

int statistics_ratio(const uint64_t *above, size_t n_above, const uint64_t *below, size_t n_below,
                     struct statistics_estimate *ret)
{
    AUTO_FREE uint64_t *scratch = NULL;
    AUTO_FREE double *ratios = NULL;
    AUTO_FREE size_t *picks = NULL;
    uint64_t state = BOOTSTRAP_SEED;
    size_t larger = n_above > n_below ? n_above : n_below;
    double value;

    if (n_above == 0 || n_below == 0)
        return -EINVAL;
    for (size_t i = 0; i < n_below; i++)
        if (below[i] == 0)
            return -EINVAL;
    scratch = malloc(larger * sizeof(*scratch));
    ratios = malloc(BOOTSTRAP_ROUNDS * sizeof(*ratios));
    picks = malloc(larger * sizeof(*picks));
    if (!scratch || !ratios || !picks)
        return -ENOMEM;

    for (size_t i = 0; i < BOOTSTRAP_ROUNDS; i++) {
        double top;

        draw(picks, larger, &state);
        top = resampled_median(above, n_above, picks, scratch);
        /* Interleaved runs: the i-th of both ran next to each other, so that a busy moment hits both. */
        if (n_above != n_below)
            draw(picks, larger, &state);
        ratios[i] = top / resampled_median(below, n_below, picks, scratch);
    }
    qsort(ratios, BOOTSTRAP_ROUNDS, sizeof(*ratios), compare_double);
    value = statistics_median(above, n_above) / statistics_median(below, n_below);
    ret->value = value;
    ret->low = fmin(value, ratios[BOOTSTRAP_ROUNDS * 25 / 1000]);
    ret->high = fmax(value, ratios[BOOTSTRAP_ROUNDS * 975 / 1000 - 1]);
    return 0;
}

#define EXACT_PAIRS 400 /* counts of arrangements stay below 2^53: C(40, 20) */

/*
 * How often each value of the Mann-Whitney statistic occurs among all arrangements of n and m samples: coefficients of
 * the Gaussian binomial, prod (1 - q^(m+i)) / (1 - q^i). @param counts n * m + 1 zeroed elements
 */
static void count_arrangements(size_t n, size_t m, double *counts)
{
    size_t last = n * m;

    counts[0] = 1.0;
    for (size_t i = 1; i <= n; i++) {
        for (size_t u = last; u >= m + i; u--)
            counts[u] -= counts[u - m - i];
        for (size_t u = i; u <= last; u++)
            counts[u] += counts[u - i];
    }
}

/*
 * Rank k >= 1 (from both ends of the n * m ratios) of the interval, the largest with P(U < k) <= 0.025; and what it
 * holds.
 */
static int rank_of_ratios(size_t n, size_t m, size_t *ret_rank, double *ret_confidence)
{
    AUTO_FREE double *counts = NULL;
    double total = 0.0, below = 0.0;
    size_t rank = 1;

    if (n * m > EXACT_PAIRS) {
        double middle = (double)(n * m) / 2.0;
        double k = middle - 1.96 * sqrt((double)(n * m) * (double)(n + m + 1) / 12.0);

        *ret_rank = k < 1.0 ? 1 : (size_t)k;
        *ret_confidence = 0.95;
        return 0;
    }
    counts = calloc(n * m + 1, sizeof(*counts));
    if (!counts)
        return -ENOMEM;
    count_arrangements(n, m, counts);
    for (size_t u = 0; u <= n * m; u++)
        total += counts[u];
    below = counts[0];
    while (rank < n * m && (below + counts[rank]) / total <= 0.025)
        below += counts[rank++];
    *ret_rank = rank;
    *ret_confidence = 1.0 - 2.0 * below / total;
    return 0;
}

int statistics_independent_ratio(const uint64_t *above, size_t n_above, const uint64_t *below, size_t n_below,
                                 struct statistics_estimate *ret, double *ret_confidence)
{
    AUTO_FREE double *ratios = NULL;
    double value, confidence;
    size_t rank, n = n_above * n_below;
    int r;

    if (n == 0)
        return -EINVAL;
    ratios = malloc(n * sizeof(*ratios));
    if (!ratios)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (above[i / n_below] == 0 || below[i % n_below] == 0)
            return -EINVAL;
        ratios[i] = (double)above[i / n_below] / (double)below[i % n_below];
    }
    r = rank_of_ratios(n_above, n_below, &rank, &confidence);
    if (r < 0)
        return r;
    qsort(ratios, n, sizeof(*ratios), compare_double);
    value = statistics_median(above, n_above) / statistics_median(below, n_below);
    ret->value = value;
    ret->low = fmin(value, ratios[rank - 1]);
    ret->high = fmax(value, ratios[n - rank]);
    *ret_confidence = confidence;
    return 0;
}

bool statistics_tie(const struct statistics_estimate *a, const struct statistics_estimate *b)
{
    double larger = fmax(a->value, b->value);

    if (a->low <= b->high && b->low <= a->high)
        return true;
    return fabs(a->value - b->value) <= STATISTICS_TIE_SHARE * larger;
}
