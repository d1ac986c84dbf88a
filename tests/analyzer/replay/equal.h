/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * equal: profiles of equal items, for tests of plans and samples.
 *
 * Include after cmocka.h.
 */

#include "analyzer/profile/profile.h"

/* `n` items of `steps` equal steps each, nothing else set. Running out of memory fails the test. @return profile_free()
 * it */
struct profile *equal_items(size_t n, size_t steps, struct profile_step step);
