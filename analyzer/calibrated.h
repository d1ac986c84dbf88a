/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * calibrated: the constants that say how far a forecast may be off, and from when on advice is sure.
 *
 * The corpus judges them: tests/calibration/run forecasts jobs whose every variant it measures, and the table in
 * docs/calibration.md has what came out, bars that are missed included. The floors of the intervals are set so that
 * they hold 85 % of the real times there; the others are judgement so far, tried on the same jobs. To tune, change a
 * number here and run it again; no other place of analyzer/ knows how good a forecast is. Shares are of a time: 0.1 is
 * 10 %.
 */

/* --- The forecast (estimate.h) --- */

/*
 * Where replay and simulation are close to each other both are right within their errors, which have nothing to do with
 * each other: the truth is between them. Where they are further apart than this, one of them is wrong, and the replay,
 * which really ran, is moved towards the simulation no further than it would be at this distance.
 */
#define CALIBRATED_CLOSE_SHARE 0.15
#define CALIBRATED_REPLAY_WEIGHT 0.5 /* 1.0: the replay alone */

/*
 * The program as it is now, replayed or simulated, misses the measured time by a factor. 1.0: the other models are off
 * by the same factor (a wrong CPU rate, a busy machine). 0.0: only the present arrangement is (a start-up or a convoy
 * that no other model has). Both happen.
 */
#define CALIBRATED_COMMON_ERROR 0.5

/*
 * Replays that miss the program as it is now by more than this, and by so much more than the simulation does, describe
 * something else (a machine that was busy while they ran, an arrangement they can't rebuild): the simulation counts.
 */
#define CALIBRATED_DISTRUST_SHARE 0.25
#define CALIBRATED_DISTRUST_RATIO 2.0

/* --- Its 95 % interval: half-widths, added in squares --- */
#define CALIBRATED_FLOOR_REPLAYED 0.27     /* what is wrong with the profile itself is wrong in replay and simulation */
#define CALIBRATED_FLOOR_SIMULATED 0.40    /* and costs that only a real run shows */
#define CALIBRATED_INFIDELITY_WEIGHT 0.6   /* of the distance between the program as it is now and its forecast */
#define CALIBRATED_DISAGREEMENT_WEIGHT 0.5 /* of the distance between replay and simulation */

/* The same program run again: how far a single run is from the median of several. */
#define CALIBRATED_RUN_TO_RUN 0.1

/* --- Replay agrees or says so --- */
#define CALIBRATED_AGREES_SHARE 0.15     /* further apart, and beyond the scatter, is worth saying */
#define CALIBRATED_CONTRADICTS_SHARE 0.5 /* from here on one of them describes another program */

/* --- Which rows are different (recommend.h) --- */

/* Wide intervals overlap with everything: to give up a model for a simpler one, their medians must be this close. */
#define CALIBRATED_SIMPLER_SHARE 0.05

/* How far apart replays of two models may come out between which the simulation sees no difference. */
#define CALIBRATED_UNEXPLAINED_SHARE 0.10

/* Of the present run time: 8.0x and 8.6x differ by 1 % of it. Less is noticed by nobody. */
#define CALIBRATED_NOTICEABLE_SHARE 0.02
#define CALIBRATED_WORTH_BOTH_SHARE 0.07

/* A verdict to keep or mend is given up only for this much more, and for this much time; plain serial code for more. */
#define CALIBRATED_OVERRULE_KEEP 1.25
#define CALIBRATED_OVERRULE_FIX 1.5
#define CALIBRATED_OVERRULE_NS 100e6
#define CALIBRATED_OVERRULE_SERIAL_NS 500e6

/* --- Confidence: "high" is meant to be right in 95 % of the jobs (docs/calibration.md has how often it is) --- */
#define CALIBRATED_GOOD_FIDELITY 0.9  /* the bar of DESIGN 5: median error 10 % */
#define CALIBRATED_POOR_FIDELITY 0.8  /* below, replays overrule nothing (recommend.c) */
#define CALIBRATED_WIDE_INTERVAL 0.70 /* both sides of the speedup together */

/* Of the way to the next model that is no tie, in half-widths of the interval of the two compared. */
#define CALIBRATED_CLEAR_MARGIN 1.0

/* Errors of the profile move all models alike: between two rows only so much of the interval's floor is left. */
#define CALIBRATED_FLOOR_BETWEEN_ROWS 0.05

/* Hand-offs per item from which on items are not taken for independent. */
#define CALIBRATED_DEPENDENT_SHARE 0.05
