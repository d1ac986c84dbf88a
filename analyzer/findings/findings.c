/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/findings.h"

#include <math.h>

#include "analyzer/findings/detect.h"
#include "base/base.h"
#include "base/parse.h"

#define MAX_SITES 5

static const int ids[] = {
#define X(number, slug) number,
    FINDING_LIST(X)
#undef X
};

static const char *const slugs[] = {
#define X(number, slug) slug,
    FINDING_LIST(X)
#undef X
};

const char *finding_slug(int id)
{
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        if (ids[i] == id)
            return slugs[i];
    return NULL;
}

int finding_from_str(const char *text)
{
    uint64_t number;

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        if (strcmp(slugs[i], text) == 0)
            return ids[i];
    if ((text[0] == 'C' || text[0] == 'c') && (text[1] == 'A' || text[1] == 'a'))
        text += 2;
    if (parse_u64(text, 1, 99999, &number) < 0 || !finding_slug((int)number))
        return -1;
    return (int)number;
}

size_t finding_ids(const int **ret_ids)
{
    *ret_ids = ids;
    return ARRAY_SIZE(ids);
}

static int copy_string(const char *text, char **ret)
{
    if (!text)
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

static int copy_site(const struct site *from, struct site *to)
{
    *to = *from;
    to->n_frames = 0;
    to->frames = calloc(from->n_frames + 1, sizeof(*to->frames));
    if (!to->frames)
        return -ENOMEM;
    for (size_t i = 0; i < from->n_frames; i++) {
        struct frame *frame = &to->frames[i];

        frame->line = from->frames[i].line;
        frame->coroutine = from->frames[i].coroutine;
        to->n_frames = i + 1;
        if (copy_string(from->frames[i].function, &frame->function) < 0 ||
            copy_string(from->frames[i].file, &frame->file) < 0 ||
            copy_string(from->frames[i].module, &frame->module) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The measurement's sites are sorted by time, so the first ones are the largest. */
static int add_sites(const struct measurement *m, bool (*want)(const struct site *site), struct finding *finding)
{
    finding->sites = calloc(MAX_SITES, sizeof(*finding->sites));
    if (!finding->sites)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_sites && finding->n_sites < MAX_SITES; i++) {
        if (!want(&m->sites[i]))
            continue;
        if (copy_site(&m->sites[i], &finding->sites[finding->n_sites++]) < 0)
            return -ENOMEM;
    }
    return 0;
}

int finding_add(struct finding_list *list, const struct finding_context *c, struct finding finding, char *detail,
                bool (*sites)(const struct site *site))
{
    finding.detail = detail;
    finding.remedy = NULL;
    finding.sites = NULL;
    finding.n_sites = 0;
    finding.share = fmin(1.0, finding.share);
    if (!detail || (sites && add_sites(c->m, sites, &finding) < 0) ||
        base_grow(&list->items, &list->capacity, list->n + 1, sizeof(*list->items)) < 0) {
        finding_clear(&finding);
        return -ENOMEM;
    }
    list->items[list->n++] = finding;
    return 0;
}

int finding_remedy(struct finding_list *list, char *remedy)
{
    struct finding *finding = &list->items[list->n - 1];

    free(finding->remedy);
    finding->remedy = remedy;
    return remedy ? 0 : -ENOMEM;
}

int finding_add_place(struct finding_list *list, const struct site *place)
{
    struct finding *finding = &list->items[list->n - 1];
    struct site copy = {0};

    if (!finding->sites) {
        finding->sites = calloc(MAX_SITES, sizeof(*finding->sites));
        if (!finding->sites)
            return -ENOMEM;
    }
    if (copy_site(place, &copy) < 0) {
        site_clear(&copy);
        return -ENOMEM;
    }
    if (finding->n_sites == MAX_SITES)
        site_clear(&finding->sites[--finding->n_sites]);
    memmove(finding->sites + 1, finding->sites, finding->n_sites++ * sizeof(*finding->sites));
    finding->sites[0] = copy;
    return 0;
}

enum severity finding_severity(double share)
{
    if (share >= 0.3)
        return SEVERITY_HIGH;
    return share >= 0.1 ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

double finding_gain_of_model(const struct finding_context *c, enum model model)
{
    const struct model_evidence *row = &c->evidence->models[model];

    return row->available && !row->current && row->speedup > 1.0 ? row->speedup : 0.0;
}

double finding_gain_mended(const struct finding_context *c)
{
    return c->evidence->mended_speedup > 1.0 ? c->evidence->mended_speedup : 0.0;
}

double finding_gain_without(const struct finding_context *c, uint64_t (*wait_ns)(const struct lane *lane))
{
    double shortest = (double)(c->lanes->on_cpu_ns) / c->cpus, wall = (double)c->m->wall_ns, longest_wait = 0.0;

    for (size_t i = 0; i < c->lanes->n; i++) {
        const struct lane *lane = &c->lanes->items[i];

        if (!lane->substantial)
            continue;
        shortest = fmax(shortest, (double)lane->busy_ns - (double)wait_ns(lane));
        longest_wait = fmax(longest_wait, (double)wait_ns(lane));
    }
    shortest = fmax(shortest, wall - longest_wait);
    /* Behind the one lock is the interpreter's: its turns stay one after another. */
    shortest = fmax(shortest, wall * finding_metric(c, METRIC_INTERPRETER_LOCK_BUSY_SHARE));
    return shortest > 0.0 && wall / shortest >= 1.05 ? wall / shortest : 0.0;
}

static int compare_findings(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns > y->time_ns ? -1 : 1;
    return x->id - y->id;
}

static bool is_ignored(int id, const int *ignored, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ignored[i] == id)
            return true;
    return false;
}

/* Ids from here on are about the data, not about the program. */
#define DATA_QUALITY 9000

/* What a run that was over at once shows of the program is its start-up: only that it was too short is worth a word. */
static bool is_void(const struct finding_list *list, int id)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].id == 9001)
            return id < DATA_QUALITY;
    return false;
}

/* The same seen twice: the more specific finding stays. {it, what it replaces} */
static const int replaces[][2] = {
    {2201, 2101}, /* a lock held across a wait: the queue for it, with the reason; splitting it would not help */
    {4102, 4101}, /* items too small for their transfer: traffic that dominates, with the reason */
};

static bool is_replaced(const struct finding_list *list, int id)
{
    for (size_t k = 0; k < ARRAY_SIZE(replaces); k++)
        for (size_t i = 0; replaces[k][1] == id && i < list->n; i++)
            if (list->items[i].id == replaces[k][0])
                return true;
    return false;
}

int findings_detect(const struct finding_context *c, const int *ignored, size_t n_ignored,
                    struct finding_list *ret_list)
{
    static int (*const detectors[])(const struct finding_context *, struct finding_list *) = {
#define X(function) function,
        FINDING_DETECTORS(X)
#undef X
    };
    struct finding_list list = {0};
    AUTO_FREE bool *drop = NULL;
    size_t kept = 0;

    for (size_t i = 0; i < ARRAY_SIZE(detectors); i++) {
        if (detectors[i](c, &list) < 0) {
            finding_list_clear(&list);
            return -ENOMEM;
        }
    }
    drop = calloc(list.n + 1, sizeof(*drop));
    if (!drop) {
        finding_list_clear(&list);
        return -ENOMEM;
    }
    for (size_t i = 0; i < list.n; i++)
        drop[i] = is_ignored(list.items[i].id, ignored, n_ignored) || is_void(&list, list.items[i].id) ||
                  is_replaced(&list, list.items[i].id);
    for (size_t i = 0; i < list.n; i++) {
        if (drop[i])
            finding_clear(&list.items[i]);
        else
            list.items[kept++] = list.items[i];
    }
    list.n = kept;
    if (list.n > 0)
        qsort(list.items, list.n, sizeof(*list.items), compare_findings);
    *ret_list = list;
    return 0;
}

void finding_list_clear(struct finding_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        finding_clear(&list->items[i]);
    free(list->items);
    *list = (struct finding_list){0};
}
