/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/probe_limits.h"

#include "base/base.h"
#include "base/parse.h"
#include "probe/probe.h"

static int read_limit(const char *name, uint64_t least, uint64_t most, uint32_t *ret_limit, char *message, size_t size)
{
    const char *text = getenv(name);
    uint64_t value;

    if (!text || !*text)
        return 0;
    if (parse_u64(text, least, most, &value) < 0) {
        (void)snprintf(message, size, "%s is '%s': it has to be a number from %llu to %llu.", name, text,
                       (unsigned long long)least, (unsigned long long)most);
        return -EINVAL;
    }
    *ret_limit = (uint32_t)value;
    return 0;
}

int probe_limits_from_environment(struct probe_options *ret_options, char *message, size_t size)
{
    int r = read_limit("CONCADVISE_TEST_RING_RECORDS", 64, 32768, &ret_options->ring_records, message, size);

    if (r == 0)
        r = read_limit("CONCADVISE_TEST_MAX_THREADS", 1, 16384, &ret_options->max_threads, message, size);
    if (r == 0)
        r = read_limit("CONCADVISE_TEST_MAX_SLICES", 1, 131072, &ret_options->max_slices, message, size);
    return r;
}
