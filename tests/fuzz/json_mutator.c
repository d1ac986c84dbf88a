/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/json_mutator.h"

#include "base/base.h"
#include "tests/fuzz/fuzz.h"

#define NODES_MAX 100000

/* Where a value hangs. */
struct node {
    json_t *parent;
    const char *key; /* of an object */
    size_t index;    /* of an array */
    json_t *value;
};

struct choice {
    unsigned int *seed;
    size_t seen;
    struct node node;
};

static unsigned int random_below(unsigned int *seed, unsigned int n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (unsigned int)(((uint64_t)(*seed >> 8) * n) >> 24);
}

/* Any one value of the document, each as likely (Vitter's algorithm R). */
static void choose(json_t *value, struct choice *choice)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach (value, key, item) {
            if (++choice->seen < NODES_MAX && random_below(choice->seed, (unsigned int)choice->seen) == 0)
                choice->node = (struct node){value, key, 0, item};
            choose(item, choice);
        }
    } else if (json_is_array(value)) {
        json_array_foreach (value, i, item) {
            if (++choice->seen < NODES_MAX && random_below(choice->seed, (unsigned int)choice->seen) == 0)
                choice->node = (struct node){value, NULL, i, item};
            choose(item, choice);
        }
    }
}

static json_t *other_number(json_int_t old, unsigned int *seed)
{
    static const json_int_t odd[] = {0,     1,         -1,         2,          3,         255,
                                     65536, INT32_MAX, UINT32_MAX, 1000000000, INT64_MAX, INT64_MIN};

    switch (random_below(seed, 5)) {
    case 0:
        return json_integer(odd[random_below(seed, ARRAY_SIZE(odd))]);
    case 1:
        return json_integer((json_int_t)((uint64_t)old + random_below(seed, 9) - 4));
    case 2:
        return json_integer(old / 2);
    case 3:
        return json_integer((json_int_t)((uint64_t)old * (2 + random_below(seed, 1000))));
    default:
        return json_integer((json_int_t)random_below(seed, 1u << 24));
    }
}

static json_t *other_text(const char *old, unsigned int *seed)
{
    static const char *const odd[] = {"",        "?",    "%FF",    "\033[31m", "</script>", "\xe2\x80\xae",
                                      "asyncio", "lock", "threads"};
    uint8_t text[256] = "";
    size_t n = strlen(old) < 128 ? strlen(old) : 128;
    json_t *made;

    if (random_below(seed, 2))
        return json_string(odd[random_below(seed, ARRAY_SIZE(odd))]);
    memcpy(text, old, n);
    n = LLVMFuzzerMutate(text, n, sizeof(text) - 1);
    made = json_stringn((const char *)text, n);
    return made ? made : json_string("\xc3\xa9");
}

static json_t *another(const json_t *old, json_t *elsewhere, unsigned int *seed)
{
    if (random_below(seed, 6) == 0)
        return json_deep_copy(elsewhere);
    if (json_is_integer(old))
        return other_number(json_integer_value(old), seed);
    if (json_is_real(old))
        return json_real(json_real_value(old) * (random_below(seed, 4) - 1.0) * 1.7);
    if (json_is_string(old))
        return other_text(json_string_value(old), seed);
    if (json_is_boolean(old))
        return json_boolean(!json_is_true(old));
    return random_below(seed, 4) ? json_deep_copy(old) : json_null();
}

static void change(const struct node *node, const struct node *elsewhere, unsigned int *seed)
{
    unsigned int how = random_below(seed, 8);

    if (!node->parent || !elsewhere->value)
        return;
    if (json_is_array(node->parent)) {
        if (how == 0)
            (void)json_array_remove(node->parent, node->index);
        else if (how <= 2)
            (void)json_array_insert_new(node->parent, node->index, json_deep_copy(node->value));
        else
            (void)json_array_set_new(node->parent, node->index, another(node->value, elsewhere->value, seed));
    } else if (how == 0) {
        (void)json_object_del(node->parent, node->key);
    } else {
        AUTO_FREE char *key = strdup(node->key); /* the old one may go with the old value */

        if (key)
            (void)json_object_set_new(node->parent, key, another(node->value, elsewhere->value, seed));
    }
}

static struct node any(json_t *document, unsigned int *seed)
{
    struct choice choice = {.seed = seed};

    choose(document, &choice);
    return choice.node;
}

size_t json_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed, void (*mend)(json_t *document))
{
    json_t *document = json_loadb((const char *)data, size, 0, NULL);
    unsigned int changes = 1 + random_below(&seed, 4);
    size_t n = 0;

    if (document && random_below(&seed, 8)) {
        for (unsigned int i = 0; i < changes; i++) {
            struct node elsewhere = any(document, &seed), node = any(document, &seed);

            change(&node, &elsewhere, &seed);
        }
        if (mend)
            mend(document);
        n = json_dumpb(document, (char *)data, max_size, JSON_COMPACT);
    }
    json_decref(document);
    return n > 0 && n <= max_size ? n : LLVMFuzzerMutate(data, size, max_size);
}

static uint64_t number(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));

    return value > 0 ? (uint64_t)value & (UINT64_MAX >> 8) : 0;
}

/* on_cpu + runnable + blocked + unattributed of a thread, or of the measurement */
static uint64_t sum_of(const json_t *object)
{
    uint64_t sum = number(object, "on_cpu_ns") + number(object, "runnable_ns") + number(object, "unattributed_ns");
    json_t *causes = json_object_get(object, "blocked_ns"), *value;
    const char *cause;

    json_object_foreach (causes, cause, value)
        sum += number(causes, cause);
    return sum;
}

static void set(json_t *object, const char *key, uint64_t value)
{
    if (json_object_get(object, key))
        (void)json_object_set_new(object, key, json_integer((json_int_t)(value & INT64_MAX)));
}

void json_mutator_balance(json_t *document)
{
    json_t *parallelism = json_object_get(document, "parallelism_ns");
    size_t n = json_array_size(parallelism), i;
    uint64_t lifetimes = 0, parallel = 0, total;
    json_t *thread;

    json_array_foreach (json_object_get(document, "threads"), i, thread) {
        set(thread, "death_ns", number(thread, "birth_ns") + sum_of(thread));
        lifetimes += sum_of(thread);
    }
    total = sum_of(document);
    set(document, "unattributed_ns",
        lifetimes > total - number(document, "unattributed_ns")
            ? lifetimes - (total - number(document, "unattributed_ns"))
            : 0);
    set(document, "thread_time_ns", sum_of(document));
    for (i = 0; i < n; i++)
        parallel += (uint64_t)json_integer_value(json_array_get(parallelism, i));
    if (n > 0)
        set(document, "wall_ns", parallel);
}
